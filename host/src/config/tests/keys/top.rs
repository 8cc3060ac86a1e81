//! Texts about one family of keys.

use super::Table;

pub(super) const TEXTS: Table = &[
    (r#"port: "x""#, "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    ("port: 1.5", "s.conf:1:0: interface conversion: interface {} is float64, not int64"),
    (
        "debug: 1\ntrace: \"x\"\nlogtime: 5",
        "s.conf:1:0: interface conversion: interface {} is int64, not bool\ns.conf:2:1: interface conversion: interface {} is string, not bool\ns.conf:3:1: interface conversion: interface {} is int64, not bool",
    ),
    ("port: [1 ]", "s.conf:1:0: interface conversion: interface {} is []interface {}, not int64"),
    (
        "port: {}",
        "s.conf:1:0: interface conversion: interface {} is map[string]interface {}, not int64",
    ),
    ("listen: 127.0.0.1", "s.conf:1:0: could not parse address string \"127.0.0.1\""),
    (r#"listen: "a:b""#, "s.conf:1:0: could not parse port \"b\""),
    ("listen: true", "s.conf:1:0: expected port or host:port, got bool"),
    (r#"listen: "::1""#, "s.conf:1:0: could not parse address string \"::1\""),
    (r#"http: "x:y""#, "s.conf:1:0: could not parse port \"y\""),
    ("shards: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    ("shards: -1", "s.conf:1:0: shards must be between 0 and 256"),
    ("shards: 257", "s.conf:1:0: shards must be between 0 and 256"),
    (r#"server_name: "a b""#, "s.conf:1:0: server name cannot contain spaces"),
    ("server_tags: 5", "s.conf:1:0: error parsing tags: unsupported type int64"),
    (
        "server_tags: [5 ]",
        "s.conf:1:0: error parsing tags: unsupported type *conf.token where string is expected",
    ),
    ("server_metadata: 5", "s.conf:1:0: error parsing metadata: unsupported type int64"),
    (
        "server_metadata: {a: 5}",
        "s.conf:1:18: interface conversion: interface {} is int64, not string",
    ),
    (
        "feature_flags: {a: 5}",
        "s.conf:1:16: error parsing feature flag \"a\": expected bool, got int64",
    ),
    ("feature_flags: 5", "s.conf:1:0: error parsing feature flags: unsupported type int64"),
    (
        "ping_interval: 5",
        "s.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration",
    ),
    (
        r#"ping_interval: "5""#,
        "s.conf:1:0: error parsing ping_interval: time: missing unit in duration \"5\"",
    ),
    (
        "ping_interval: 5.5",
        "s.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\ns.conf:1:0: interface conversion: interface {} is float64, not int64",
    ),
    (
        "ping_interval: true",
        "s.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\ns.conf:1:0: interface conversion: interface {} is bool, not int64",
    ),
    (
        "write_deadline: 5",
        "s.conf:1:0: invalid use of field \"write_deadline\": write_deadline should be converted to a duration",
    ),
    (
        "write_deadline: 5x",
        "s.conf:1:0: error parsing write_deadline: time: unknown unit \"x\" in duration \"5x\"",
    ),
    ("write_timeout: foo", "s.conf:1:0: write_timeout must be 'default', 'close' or 'retry'"),
    ("write_timeout: 5", "s.conf:1:0: interface conversion: interface {} is int64, not string"),
    (
        "lame_duck_duration: 10s",
        "s.conf:1:0: invalid lame_duck_duration of 10s, minimum is 30 seconds",
    ),
    (
        "lame_duck_duration: 10",
        "s.conf:1:0: interface conversion: interface {} is int64, not string",
    ),
    (
        "lame_duck_duration: foo",
        "s.conf:1:0: error parsing lame_duck_duration: time: invalid duration \"foo\"",
    ),
    (
        r#"lame_duck_grace_period: "-5s""#,
        "s.conf:1:0: invalid lame_duck_grace_period, needs to be positive",
    ),
    ("max_sub_tokens: 300", "s.conf:1:0: max_sub_tokens value is too big"),
    ("max_sub_tokens: 0", "s.conf:1:0: max_sub_tokens value can not be negative"),
    ("max_sub_tokens: -1", "s.conf:1:0: max_sub_tokens value can not be negative"),
    ("max_payload: 3000000000", "s.conf:1:0: max_payload value is too big"),
    ("max_control_line: 3000000000", "s.conf:1:0: max_control_line value is too big"),
    ("no_auth_user: 5", "s.conf:1:0: interface conversion: interface {} is int64, not string"),
    ("default_js_domain: 5", "s.conf:1:0: error default_js_domain config: unsupported type int64"),
    (
        "default_js_domain: {a: 5}",
        "s.conf:1:0: interface conversion: interface {} is int64, not string",
    ),
    ("default_sentinel: 5", "s.conf:1:0: interface conversion: interface {} is int64, not string"),
    ("system_account: 5", "s.conf:1:0: system account name must be a string"),
    ("prof_port: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    ("no_sys_acc: 5", "s.conf:1:0: interface conversion: interface {} is int64, not bool"),
    ("http_port: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    ("https: true", "s.conf:1:0: expected port or host:port, got bool"),
    ("max_pending: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    (
        "max_connections: 1.5",
        "s.conf:1:0: interface conversion: interface {} is float64, not int64",
    ),
    (
        "max_traced_msg_len: 1.5",
        "s.conf:1:0: interface conversion: interface {} is float64, not int64",
    ),
    ("log_size_limit: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    ("log_max_num: x", "s.conf:1:0: interface conversion: interface {} is string, not int64"),
    (
        "connect_error_reports: x",
        "s.conf:1:0: interface conversion: interface {} is string, not int64",
    ),
    ("x: \"a\"\n  port: $x", "s.conf:2:3: interface conversion: interface {} is string, not int64"),
    (
        "x: {foo: 1}\ncluster: {routes: [$x]}\nwebsocket: $x",
        "s.conf:2:21: interface conversion: interface {} is map[string]interface {}, not string\ns.conf:1:4: unknown field \"foo\"",
    ),
    ("a: 9223372036854775808", "integer '9223372036854775808' is out of the range"),
    ("a: $x\nx: 1", "variable reference for 'x' on line 1 can not be found"),
    ("m {a: 1 ; ; b}", "s.conf:1:0: unknown field \"m\""),
    ("{ port: x } port: y", "s.conf:1:12: interface conversion: interface {} is string, not int64"),
    (
        "include nofile",
        "error parsing include file 'nofile', open nofile: no such file or directory",
    ),
    (
        "m { include nofile }",
        "error parsing include file 'nofile', open nofile: no such file or directory",
    ),
    (
        "PORT: \"x\"\nFoo: 1",
        "s.conf:1:0: interface conversion: interface {} is string, not int64\ns.conf:2:1: unknown field \"Foo\"",
    ),
    (
        "ping_interval: -5",
        "s.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration",
    ),
    ("proxy_protocol: x", "s.conf:1:0: interface conversion: interface {} is string, not bool"),
    (
        "server_tags: {a: 5}",
        "s.conf:1:0: error parsing tags: unsupported type map[string]interface {}",
    ),
    ("server_name: 5", "s.conf:1:0: interface conversion: interface {} is int64, not string"),
];
