//! Texts about one family of keys.

use super::Table;

pub(super) const TEXTS: Table = &[
    ("cluster: 5", "s.conf:1:0: Expected map to define cluster, got int64"),
    ("cluster: {foo: 1}", "s.conf:1:10: unknown field \"foo\""),
    (
        "cluster: {authorization: {users: [{user: a}]}}",
        "s.conf:1:10: Cluster authorization does not allow multiple users",
    ),
    (
        "cluster: {authorization: {token: a}}",
        "s.conf:1:10: Cluster authorization does not support tokens",
    ),
    (
        "cluster: {authorization: {user: a, password: b, permissions: {import: a}}}",
        "s.conf:1:10: invalid use of field \"authorization\": setting \"permissions\" within cluster authorization block is deprecated",
    ),
    (
        "cluster: {routes: 5}",
        "s.conf:1:10: interface conversion: interface {} is int64, not []interface {}",
    ),
    (
        "cluster: {routes: [5 ]}",
        "s.conf:1:19: interface conversion: interface {} is int64, not string",
    ),
    (
        r#"cluster: {routes: ["nats://a:1", "nats://a:1"]}"#,
        "s.conf:1:34: invalid use of field \"nats://a:1\": Duplicate route entry detected",
    ),
    (r#"cluster: {routes: ["a b:c%"]}"#, "s.conf:1:20: error parsing route url [\"a b:c%\"]"),
    (
        "cluster: {permissions: {allow_responses: true, import: x}}",
        "s.conf:1:10: Cluster permissions do not support dynamic responses",
    ),
    (
        "cluster: {ping_interval: 60}",
        "s.conf:1:10: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\ns.conf:1:10: Cluster 'ping_interval' will reset to 30s which is the max for routes",
    ),
    (
        r#"cluster: {ping_interval: "60s"}"#,
        "s.conf:1:10: Cluster 'ping_interval' will reset to 30s which is the max for routes",
    ),
    (
        "cluster: {compression: 5}",
        "s.conf:1:10: field \"compression\" should be a boolean or a structure, got int64",
    ),
    ("cluster: {compression: {foo: 1}}", "s.conf:1:24: unknown field \"foo\""),
    (
        "cluster: {compression: {mode: 5}}",
        "s.conf:1:24: interface conversion: interface {} is int64, not string",
    ),
    (
        "cluster: {compression: {mode: s2_auto, rtt: 5}}",
        "s.conf:1:39: interface conversion: interface {} is int64, not []interface {}",
    ),
    ("cluster: {accounts: 5}", "s.conf:1:10: error parsing accounts: unsupported type int64"),
    (r#"cluster: {name: "a b"}"#, "s.conf:1:10: cluster name cannot contain spaces"),
    (
        "cluster: {pool_size: x}",
        "s.conf:1:10: interface conversion: interface {} is string, not int64",
    ),
    (
        "cluster: {write_timeout: x}",
        "s.conf:1:10: write_timeout must be 'default', 'close' or 'retry'",
    ),
    ("gateway: 5", "s.conf:1:0: Expected gateway to be a map, got int64"),
    ("gateway: {foo: 1}", "s.conf:1:10: unknown field \"foo\""),
    (r#"gateway: {name: "a b"}"#, "s.conf:1:10: gateway name cannot contain spaces"),
    ("gateway: {gateways: 5}", "Expected gateways field to be an array, got int64"),
    ("gateway: {gateways: [5 ]}", "s.conf:1:21: Expected gateway entry to be a map/struct, got 5"),
    ("gateway: {gateways: [{foo: 1}]}", "s.conf:1:22: unknown field \"foo\""),
    (
        "gateway: {gateways: [{urls: 5}]}",
        "s.conf:1:22: interface conversion: interface {} is int64, not []interface {}",
    ),
    (
        r#"gateway: {gateways: [{url: ":a%:"}]}"#,
        "s.conf:1:22: error parsing gateway url [\":a%:\"]",
    ),
    (
        "gateway: {authorization: {users: [{user: a}]}}",
        "s.conf:1:10: Gateway authorization does not allow multiple users",
    ),
    (
        "gateway: {authorization: {token: a}}",
        "s.conf:1:10: Gateway authorization does not support tokens",
    ),
    ("leafnodes: 5", "s.conf:1:0: Expected map to define a leafnode, got int64"),
    ("leafnodes: {foo: 1}", "s.conf:1:12: unknown field \"foo\""),
    ("leafnodes: {authorization: {foo: 1}}", "s.conf:1:28: unknown field \"foo\""),
    ("leafnodes: {authorization: {users: [{foo: a}]}}", "s.conf:1:37: unknown field \"foo\""),
    (
        "leafnodes: {authorization: {users: 5}}",
        "s.conf:1:28: Expected users field to be an array, got 5",
    ),
    (
        "leafnodes: {authorization: {users: [5 ]}}",
        "s.conf:1:36: Expected user entry to be a map/struct, got 5",
    ),
    (
        "leafnodes: {authorization: {nkey: x}}",
        "s.conf:1:28: Not a valid public nkey for leafnode authorization",
    ),
    (
        "leafnodes: {authorization: {users: [{user: a}, {user: a}]}}",
        "s.conf:1:12: duplicate user \"a\" detected in leafnode authorization",
    ),
    (
        "leafnodes: {authorization: {user: a, users: [{user: a}]}}",
        "s.conf:1:12: can not have a single user/pass and a users array",
    ),
    (
        "leafnodes: {min_version: 2.9}",
        "s.conf:1:12: interface conversion: interface {} is float64, not string",
    ),
    (
        r#"leafnodes: {min_version: "2.7.0"}"#,
        "s.conf:1:12: the minimum version should be at least 2.8.0",
    ),
    (
        r#"leafnodes: {min_version: "foo"}"#,
        "s.conf:1:12: invalid leafnode's minimum version: invalid semver",
    ),
    (
        "leafnodes: {reconnect: 5}",
        "s.conf:1:12: invalid use of field \"reconnect\": reconnect should be converted to a duration",
    ),
    ("leafnodes: {remotes: 5}", "s.conf:1:12: Expected remotes field to be an array, got int64"),
    (
        "leafnodes: {remotes: [5 ]}",
        "s.conf:1:22: Expected remote leafnode entry to be a map/struct, got 5",
    ),
    ("leafnodes: {remotes: [{foo: 1}]}", "s.conf:1:23: unknown field \"foo\""),
    (
        "leafnodes: {remotes: [{url: 5}]}",
        "s.conf:1:23: Expected remote leafnode url to be an array or string, got 5",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", nkey: x}]}"#,
        "s.conf:1:42: Remote leafnode nkey is not a valid seed: \"x\"",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1"}, {url: "leaf://a:1"}]}"#,
        "s.conf:1:44: duplicate remote urls=[\"leaf://a:1\"], account=\"$G\"",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", js_cluster_migrate: 5}]}"#,
        "Expected boolean or map for jetstream_cluster_migrate, got int64",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", deny_imports: 5}]}"#,
        "s.conf:1:42: Expected subject permissions to be a subject, or array of subjects, got int64",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", deny_imports: "a..b"}]}"#,
        "s.conf:1:42: subject \"a..b\" is not a valid subject",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", proxy: 5}]}"#,
        "s.conf:1:42: Expected proxy to be a map, got int64",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", proxy: {foo: 5}}]}"#,
        "s.conf:1:50: unknown field \"foo\"",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", proxy: {url: "x"}}]}"#,
        "s.conf:1:42: proxy URL scheme must be http or https, got: ",
    ),
    (
        r#"leafnodes: {remotes: [{url: "leaf://a:1", first_info_timeout: 5}]}"#,
        "s.conf:1:42: invalid use of field \"first_info_timeout\": first_info_timeout should be converted to a duration",
    ),
    ("mqtt: 5", "s.conf:1:0: Expected mqtt to be a map, got int64"),
    ("mqtt: {foo: 1}", "s.conf:1:7: unknown field \"foo\""),
    (
        "mqtt: {max_ack_pending: 70000}",
        "s.conf:1:7: invalid value 70000, should in [0..65535] range",
    ),
    (
        "mqtt: {ack_wait: 5}",
        "s.conf:1:7: invalid use of field \"ack_wait\": ack_wait should be converted to a duration",
    ),
    (
        "mqtt: {consumer_replicas: 1}",
        "s.conf:1:7: invalid use of field \"consumer_replicas\": consumer replicas setting ignored in this server version",
    ),
    (
        "mqtt: {stream_replicas: x}",
        "s.conf:1:7: interface conversion: interface {} is string, not int64",
    ),
    ("mqtt: {authorization: {foo: 1}}", "s.conf:1:23: unknown field \"foo\""),
    ("jetstream: foo", "s.conf:1:0: Expected 'enabled' or 'disabled' for string value, got 'foo'"),
    ("jetstream: 5", "s.conf:1:0: Expected map, bool or string to define JetStream, got int64"),
    ("jetstream: {foo: 1}", "s.conf:1:12: unknown field \"foo\""),
    (
        r#"jetstream: {max_mem: "1X"}"#,
        "s.conf:1:12: max_mem_store sizes defined as strings must end in K, M, G, T",
    ),
    (
        "jetstream: {max_mem: x}",
        "s.conf:1:12: max_mem_store strconv.ParseInt: parsing \"\": invalid syntax",
    ),
    ("jetstream: {max_mem: true}", "s.conf:1:12: max_mem_store must be int64 or string"),
    (
        "jetstream: {sync: 5}",
        "s.conf:1:12: invalid use of field \"sync\": sync should be converted to a duration",
    ),
    ("jetstream: {sync: foo}", "s.conf:1:12: error parsing sync: time: invalid duration \"foo\""),
    ("jetstream: {cipher: foo}", "s.conf:1:12: Unknown cipher type: \"foo\""),
    ("jetstream: {limits: 5}", "s.conf:1:12: Expected a map to define JetStreamLimits, got int64"),
    ("jetstream: {limits: {foo: 1}}", "s.conf:1:21: unknown field \"foo\""),
    ("jetstream: {limits: {batch: {foo: 1}}}", "s.conf:1:29: unknown field \"foo\""),
    (
        "jetstream: {limits: {batch: 5}}",
        "s.conf:1:21: Expected a map to define batch limits, got int64",
    ),
    (
        "jetstream: {max_concurrent_io: 1}",
        "s.conf:1:12: Expected an absolute size for \"max_concurrent_io\" between 4 and 8192, got 1",
    ),
    (
        "jetstream: {max_concurrent_io: 10000}",
        "s.conf:1:12: Expected an absolute size for \"max_concurrent_io\" between 4 and 8192, got 10000",
    ),
    (
        "jetstream: {max_buffered_msgs: x}",
        "s.conf:1:12: Expected a parseable size for \"max_buffered_msgs\", got x",
    ),
    (
        "jetstream: {max_buffered_size: x}",
        "s.conf:1:12: max_buffered_size strconv.ParseInt: parsing \"\": invalid syntax",
    ),
    (
        "jetstream: {request_queue_limit: x}",
        "s.conf:1:12: Expected a parseable size for \"request_queue_limit\", got x",
    ),
    (
        "jetstream: {meta_compact: -1}",
        "s.conf:1:12: Expected an absolute size for \"meta_compact\", got -1",
    ),
    (
        "jetstream: {meta_compact: x}",
        "s.conf:1:12: Expected an absolute size for \"meta_compact\", got x",
    ),
    (
        "jetstream: {meta_compact_size: x}",
        "s.conf:1:12: meta_compact_size strconv.ParseInt: parsing \"\": invalid syntax",
    ),
    (
        "jetstream: {max_outstanding_catchup: x}",
        "s.conf:1:12: max_outstanding_catchup strconv.ParseInt: parsing \"\": invalid syntax",
    ),
    ("jetstream: {tpm: 5}", "s.conf:1:12: Expected a map to define JetStreamLimits, got int64"),
    ("jetstream: {tpm: {foo: 1}}", "s.conf:1:18: unknown field \"foo\""),
    ("jetstream: {store_dir: x}\nstore_dir: y", "s.conf:2:1: Duplicate 'store_dir' configuration"),
    (
        "cluster: {authorization: {permissions: {import: a}}}",
        "s.conf:1:10: invalid use of field \"authorization\": setting \"permissions\" within cluster authorization block is deprecated",
    ),
    (
        "leafnodes: {authorization: {timeout: 61}}",
        "s.conf:1:28: invalid use of field \"timeout\": timeout of 61 (61.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        "leafnodes: {authorization: {timeout: x}}",
        "s.conf:1:28: error parsing leafnode authorization config, 'timeout' time: invalid duration \"x\"",
    ),
    (
        "cluster: {authorization: {timeout: x}}",
        "s.conf:1:26: error parsing authorization config, 'timeout' time: invalid duration \"x\"",
    ),
    (
        "mqtt: {tls: 5}",
        "s.conf:1:7: interface conversion: interface {} is int64, not map[string]interface {}",
    ),
];
