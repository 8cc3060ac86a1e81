//! Texts about one family of keys.

use super::Table;

pub(super) const TEXTS: Table = &[
    (
        "authorization: 5",
        "s.conf:1:0: interface conversion: interface {} is int64, not map[string]interface {}",
    ),
    (
        "authorization: {user: 5}",
        "s.conf:1:16: interface conversion: interface {} is int64, not string",
    ),
    (
        "authorization: {user: a, password: 1234}",
        "s.conf:1:25: interface conversion: interface {} is int64, not string",
    ),
    ("authorization: {foo: 1}", "s.conf:1:16: unknown field \"foo\""),
    ("authorization: {user: a, token: b}", "s.conf:1:0: Cannot have a user/pass and token"),
    (
        "authorization: {user: a, password: x, users: [{user: b}]}",
        "s.conf:1:0: Can not have a single user/pass and a users array",
    ),
    (
        "authorization: {token: x, users: [{user: b}]}",
        "s.conf:1:0: Can not have a token and a users array",
    ),
    ("authorization: {users: 5}", "s.conf:1:16: Expected users field to be an array, got 5"),
    ("authorization: {users: [5 ]}", "s.conf:1:24: Expected user entry to be a map/struct, got 5"),
    ("authorization: {users: [{password: x}]}", "s.conf:1:25: User entry requires a user"),
    ("authorization: {users: [{user: x, foo: 1}]}", "s.conf:1:34: unknown field \"foo\""),
    ("authorization: {users: [{user: x}, {user: x}]}", "s.conf:1:0: Duplicate user \"x\" detected"),
    ("authorization: {users: [{nkey: x}]}", "s.conf:1:25: Not a valid public nkey for a user"),
    (
        "authorization: {timeout: 1m}",
        "s.conf:1:16: invalid use of field \"timeout\": timeout of 1000000 (1000000.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        "authorization: {timeout: 61}",
        "s.conf:1:16: invalid use of field \"timeout\": timeout of 61 (61.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        r#"authorization: {timeout: "90s"}"#,
        "s.conf:1:16: invalid use of field \"timeout\": timeout of 90s (90.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        "authorization: {timeout: x}",
        "s.conf:1:16: error parsing authorization config, 'timeout' time: invalid duration \"x\"",
    ),
    (
        "authorization: {timeout: true}",
        "s.conf:1:16: error parsing authorization config, 'timeout' wrong type",
    ),
    (
        "authorization: {users: [{user: x, permissions: {foo: 1}}]}",
        "s.conf:1:48: Unknown field \"foo\" parsing permissions",
    ),
    (
        "authorization: {users: [{user: x, permissions: 5}]}",
        "s.conf:1:34: Expected permissions to be a map/struct, got 5",
    ),
    (
        "authorization: {users: [{user: x, permissions: {pub: 5}}]}",
        "Expected subject permissions to be a subject, or array of subjects, got int64",
    ),
    (
        "authorization: {users: [{user: x, permissions: {pub: {foo: 1}}}]}",
        "s.conf:1:54: Unknown field name \"foo\" parsing subject permissions, only 'allow' or 'deny' are permitted",
    ),
    (
        r#"authorization: {users: [{user: x, permissions: {pub: "a..b"}}]}"#,
        "subject \"a..b\" is not a valid subject",
    ),
    (
        "authorization: {users: [{user: x, permissions: {pub: [5 ]}}]}",
        "s.conf:1:54: Subject in permissions array cannot be cast to string",
    ),
    (
        r#"authorization: {users: [{user: x, permissions: {sub: "a b c"}}]}"#,
        "subject \"a b c\" is not a valid subject",
    ),
    (
        "authorization: {users: [{user: x, permissions: {allow_responses: 5}}]}",
        "s.conf:1:48: error parsing response permissions, expected a boolean or a map",
    ),
    (
        "authorization: {users: [{user: x, permissions: {allow_responses: {foo: 5}}}]}",
        "s.conf:1:66: Unknown field \"foo\" parsing permissions",
    ),
    (
        "authorization: {users: [{user: x, permissions: {allow_responses: {max: x}}}]}",
        "s.conf:1:66: interface conversion: interface {} is string, not int64",
    ),
    (
        "authorization: {users: [{user: x, permissions: {allow_responses: {ttl: 5}}}]}",
        "s.conf:1:66: error parsing expires, not a duration string",
    ),
    (
        "authorization: {users: [{user: x, permissions: {allow_responses: {ttl: x}}}]}",
        "s.conf:1:66: error parsing expires: time: invalid duration \"x\"",
    ),
    (
        "authorization: {users: [{user: x, allowed_connection_types: FOO}]}",
        "s.conf:1:34: invalid connection types [\"FOO\"]",
    ),
    (
        "authorization: {users: [{user: x, allowed_connection_types: [FOO, BAR, STANDARD]}]}",
        "s.conf:1:34: invalid connection types [\"FOO\" \"BAR\"]",
    ),
    (
        "authorization: {users: [{user: x, allowed_connection_types: 5}]}",
        "s.conf:1:34: error parsing allowed connection types: unsupported type int64",
    ),
    (
        "authorization: {users: [{user: x, proxy_required: 5}]}",
        "s.conf:1:34: interface conversion: interface {} is int64, not bool",
    ),
    (
        "authorization: {auth_callout: 5}",
        "s.conf:1:16: Expected authorization callout to be a map/struct, got 5",
    ),
    (
        "authorization: {auth_callout: {}}",
        "s.conf:1:16: Authorization callouts require an issuer to be specified",
    ),
    (
        "authorization: {auth_callout: {issuer: foo}}",
        "s.conf:1:31: Expected callout user to be a valid public account nkey, got \"foo\"",
    ),
    ("accounts: [A, A]", "s.conf:1:14: Duplicate Account Entry: A"),
    ("accounts: [5 ]", "s.conf:1:11: interface conversion: interface {} is int64, not string"),
    ("accounts: {$G: {}}", "s.conf:1:11: \"$G\" is a Reserved Account"),
    ("accounts: {A: 5}", "s.conf:1:11: Expected map entries for accounts"),
    ("accounts: {A: {foo: 1}}", "s.conf:1:15: unknown field \"foo\""),
    (
        "accounts: {A: {users: [{user: a}]}, B: {users: [{user: a}]}}",
        "s.conf:1:40: Duplicate user \"a\" detected",
    ),
    (
        "authorization: {users: [{user: a}]}\naccounts: {B: {users: [{user: a}]}}",
        "s.conf:2:16: Duplicate user \"a\" detected",
    ),
    (
        "authorization: {user: x, password: y}\naccounts: {B: {users: [{user: a}]}}",
        "s.conf:2:16: Can not have a single user/pass and accounts",
    ),
    (
        "authorization: {token: y}\naccounts: {B: {users: [{user: a}]}}",
        "s.conf:2:16: Can not have a token and accounts",
    ),
    ("accounts: {A: {nkey: x}}", "s.conf:1:15: Not a valid public nkey for an account: \"x\""),
    ("accounts: {A: {imports: 5}}", "s.conf:1:15: Imports should be an array, got int64"),
    (
        "accounts: {A: {imports: [5 ]}}",
        "s.conf:1:25: Import Items should be a map with type entry, got int64",
    ),
    (
        "accounts: {A: {imports: [{stream: 5}]}}",
        "s.conf:1:26: Stream entry should be an account map, got int64",
    ),
    (
        "accounts: {A: {imports: [{stream: {account: B}}]}}",
        "s.conf:1:26: Expect an account name and a subject",
    ),
    ("accounts: {A: {imports: [{foo: 1}]}}", "s.conf:1:26: unknown field \"foo\""),
    ("accounts: {A: {exports: 5}}", "s.conf:1:15: Exports should be an array, got int64"),
    (
        "accounts: {A: {exports: [5 ]}}",
        "s.conf:1:25: Export Items should be a map with type entry, got int64",
    ),
    ("accounts: {A: {exports: [{foo: 1}]}}", "s.conf:1:26: unknown field \"foo\""),
    (
        "accounts: {A: {exports: [{stream: 5}]}}",
        "s.conf:1:26: Expected stream name to be string, got int64",
    ),
    (
        "accounts: {A: {exports: [{service: x, response: foo}]}}",
        "s.conf:1:38: Unknown response type: \"foo\"",
    ),
    (
        "accounts: {A: {exports: [{service: x, threshold: foo}]}}",
        "s.conf:1:38: Expected response threshold to be a parseable time duration, got \"foo\"",
    ),
    (
        "accounts: {A: {exports: [{service: x, threshold: 5}]}}",
        "s.conf:1:38: Expected response threshold to be a parseable time duration, got int64",
    ),
    (
        "accounts: {A: {exports: [{service: x, accounts: 5}]}}",
        "s.conf:1:38: interface conversion: interface {} is int64, not []interface {}",
    ),
    (
        "accounts: {A: {jetstream: foo}}",
        "Expected 'enabled' or 'disabled' for string value, got 'foo'",
    ),
    (
        "accounts: {A: {jetstream: 5}}",
        "Expected map, bool or string to define JetStream, got int64",
    ),
    ("accounts: {A: {jetstream: {foo: 5}}}", "s.conf:1:27: unknown field \"foo\""),
    (
        r#"accounts: {A: {jetstream: {max_mem: "5"}}}"#,
        "s.conf:1:27: Expected a parseable size for \"max_mem\", got 5",
    ),
    (
        "accounts: {A: {jetstream: {max_bytes: 5}}}",
        "s.conf:1:27: Expected a parseable bool for \"max_bytes\", got 5",
    ),
    (
        "accounts: {A: {jetstream: {cluster_traffic: 5}}}",
        "s.conf:1:27: Expected either 'system' or 'owner' string value for \"cluster_traffic\", got 5",
    ),
    (
        "accounts: {A: {jetstream: {cluster_traffic: foo}}}",
        "s.conf:1:27: Expected 'system' or 'owner' string value for \"cluster_traffic\", got foo",
    ),
    (
        "accounts: {A: {limits: 5}}",
        "s.conf:1:15: Expected account limits to be a map/struct, got 5",
    ),
    (
        "accounts: {A: {limits: {foo: 5}}}",
        "s.conf:1:24: Unknown field \"foo\" parsing account limits",
    ),
    (
        "accounts: {A: {limits: {max_conn: x}}}",
        "s.conf:1:24: interface conversion: interface {} is string, not int64",
    ),
    (
        "accounts: {A: {msg_trace: 5}}",
        "s.conf:1:15: Expected account message trace \"msg_trace\" to be a string or a map/struct, got int64",
    ),
    (
        "accounts: {A: {msg_trace: {foo: 5}}}",
        "s.conf:1:27: Unknown field \"foo\" parsing account message trace map/struct \"msg_trace\"",
    ),
    (
        "accounts: {A: {msg_trace: {dest: x, sampling: 101}}}",
        "s.conf:1:36: Ttrace destination sampling value 101 is invalid, needs to be [1..100]",
    ),
    (
        "accounts: {A: {msg_trace: {sampling: 10}}}",
        "s.conf:1:15: Trace destination sampling ignored since no destination was set",
    ),
    (
        "accounts: {A: {default_permissions: {foo: 1}}}",
        "s.conf:1:37: Unknown field \"foo\" parsing permissions",
    ),
    ("operator: 5", "s.conf:1:0: error parsing operators: unsupported type int64"),
    (
        "operator: foo",
        "s.conf:1:0: error parsing operator JWT: open foo: no such file or directory",
    ),
    ("resolver: 5", "s.conf:1:0: error parsing operator resolver, wrong type int64"),
    (
        "resolver: foo",
        "s.conf:1:0: error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type state=[FULL|CACHE])",
    ),
    (
        "resolver: {type: foo}",
        "s.conf:1:0: error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type state=[FULL|CACHE])",
    ),
    (
        "resolver_preload: 5",
        "s.conf:1:0: preload should be a map of account_public_key:account_jwt",
    ),
    ("resolver_preload: {a: b}", "s.conf:1:19: invalid account JWT"),
    ("resolver_preload: {a: 5}", "s.conf:1:19: preload map value should be a string JWT"),
    (
        "resolver_pinned_accounts: 5",
        "s.conf:1:0: error parsing resolver_pinned_accounts: unsupported type int64",
    ),
    ("resolver_tls: {foo: 1}", "s.conf:1:15: error parsing tls config, unknown field \"foo\""),
    ("trusted: 5", "s.conf:1:0: error parsing trusted: unsupported type int64"),
    ("trusted: foo", "s.conf:1:0: trust key \"foo\" required to be a valid public operator nkey"),
    (
        "trusted: [foo ]",
        "s.conf:1:10: trust key \"foo\" required to be a valid public operator nkey",
    ),
    ("proxies: 5", "s.conf:1:0: expected proxies to be a map/struct, got int64"),
    ("proxies: {foo: 1}", "s.conf:1:10: unknown field \"foo\""),
    (
        "proxies: {trusted: 5}",
        "s.conf:1:10: expected proxies' trusted field to be an array, got int64",
    ),
    (
        "proxies: {trusted: [5 ]}",
        "s.conf:1:20: expected proxies' trusted entry to be a map/struct, got int64",
    ),
    ("proxies: {trusted: [{foo: x}]}", "s.conf:1:21: unknown field \"foo\""),
    ("proxies: {trusted: [{key: x}]}", "s.conf:1:21: invalid proxy key \"x\""),
    (
        r#"authorization: {timeout: "2h"}"#,
        "s.conf:1:16: invalid use of field \"timeout\": timeout of 2h (7200.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        "Authorization: {TimeOut: 99}",
        "s.conf:1:16: invalid use of field \"TimeOut\": timeout of 99 (99.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    ),
    (
        "authorization: {default_permissions: 5}",
        "s.conf:1:16: Expected permissions to be a map/struct, got 5",
    ),
    (
        "authorization: {auth_callout: {issuer: 5}}",
        "s.conf:1:31: interface conversion: interface {} is int64, not string",
    ),
];
