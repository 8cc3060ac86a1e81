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
    ("resolver: {type: full}", "s.conf:1:0: dir has no value and needs to point to a directory"),
    ("resolver: {type: full, dir: d, ttl: \"1h\"}", "s.conf:1:0: FULL does not accept ttl"),
    (
        "resolver: {type: full, dir: d, hard_delete: true}",
        "s.conf:1:0: hard_delete has no effect without delete",
    ),
    ("resolver: {type: full, dir: d, timeout: \"0s\"}", "s.conf:1:0: Fetch timeout 0s is too smal"),
    ("resolver: {type: cache, dir: d, interval: \"1m\"}", "s.conf:1:0: CACHE does not accept sync"),
    (
        "resolver: {type: cache, dir: d, allow_delete: true}",
        "s.conf:1:0: CACHE does not accept allow_delete",
    ),
    (
        "resolver: {type: cache, dir: d, allow_delete: false, hard_delete: false}",
        "s.conf:1:0: CACHE does not accept hard_delete",
    ),
    (
        "resolver: {type: full, dir: d, limit: \"5\"}",
        "s.conf:1:31: interface conversion: interface {} is string, not int64",
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
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, foo: 1}}",
        "s.conf:1:97: Unknown field \"foo\" parsing authorization callout\ns.conf:1:97: Authorization callouts require authorized users to be specified",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP}}",
        "s.conf:1:31: Authorization callouts require authorized users to be specified",
    ),
    (
        "authorization: {auth_callout: {auth_users: [a]}}",
        "s.conf:1:31: Authorization callouts require an issuer to be specified",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: []}}",
        "s.conf:1:97: Authorization callouts require authorized users to be specified",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], xkey: ADW}}",
        "s.conf:1:115: Expected callout xkey to be a valid public xkey, got \"ADW\"",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], account: 7}}",
        "s.conf:1:115: interface conversion: interface {} is int64, not string",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], allowed_accounts: [a, 5 ]}}",
        "s.conf:1:137: interface conversion: interface {} is int64, not string",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], allowed_accounts: [ZZ]}}",
        "auth_callout allowed account \"ZZ\" not found in configured accounts",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], cache: {max_age: 0s}}}",
        "s.conf:1:123: auth_callout cache: max_age must be above 0",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], cache: {max_entries: 0}}}",
        "s.conf:1:123: auth_callout cache: max_entries must be above 0",
    ),
    (
        "authorization: {auth_callout: {issuer: ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP, auth_users: [a ], cache: {max: 0}}}",
        "s.conf:1:123: Unknown field \"max\" parsing authorization callout cache",
    ),
];
