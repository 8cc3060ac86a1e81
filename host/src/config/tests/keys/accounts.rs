//! Accounts.

use super::Table;

pub(super) const TEXTS: Table = &[
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
    (
        "accounts: {A: {sender_identity: {users: on}}}",
        "s.conf:1:33: Unknown field \"users\" for sender_identity",
    ),
    (
        "sender_identity: [account]",
        "s.conf:1:0: Expected sender_identity to be a boolean, or a map of account, user, name and kind, got [...]",
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
    (
        "accounts: [A, B, A, B]",
        "s.conf:1:17: Duplicate Account Entry: A\ns.conf:1:20: Duplicate Account Entry: B",
    ),
    ("accounts: {A: {users: 5}}", "Expected users field to be an array, got 5"),
    (
        "accounts: {A: {users: [{user: a}, {user: q}]}, B: {users: [{user: a}, {user: b}, {user: q}]}}",
        "s.conf:1:51: Duplicate user \"a\" detected\ns.conf:1:51: Duplicate user \"q\" detected",
    ),
    (
        "accounts: {A: {users: [{user: a}]}}\nauthorization {users: [{user: a}]}",
        "s.conf:2:1: Duplicate user \"a\" detected",
    ),
    (
        "accounts: {A: {users: [{nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}]}, B: {users: [{nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}]}}",
        "s.conf:1:95: Duplicate nkey \"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4\" detected",
    ),
    (
        "accounts: {A: {users: [{user: a}]}}\nauthorization {user: x, password: y}",
        "s.conf:2:1: Can not have a single user/pass and a users array",
    ),
    (
        "accounts: {A: {users: [{user: a}]}}\nauthorization {token: y}",
        "s.conf:2:1: Can not have a token and a users array",
    ),
    (
        "authorization {token: y}\naccounts: {A: {users: [{user: a}]}, B: {users: [{user: c}]}}",
        "s.conf:2:16: Can not have a token and accounts\ns.conf:2:41: Can not have a token and accounts",
    ),
    (
        "accounts: {A: {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}}",
        "s.conf:1:15: Not a valid public nkey for an account: \"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4\"",
    ),
    // Exports.
    (
        "accounts {A: {exports: [{stream: x, response: stream}]}}",
        "s.conf:1:36: Detected response directive on non-service",
    ),
    (
        "accounts {A: {exports: [{response: stream, stream: x}]}}",
        "s.conf:1:25: Detected response directive on non-service",
    ),
    (
        "accounts {A: {exports: [{stream: x, threshold: 2s}]}}",
        "s.conf:1:36: Detected response directive on non-service",
    ),
    (
        "accounts {A: {exports: [{latency: l, stream: x}]}}",
        "s.conf:1:25: Detected latency directive on non-service",
    ),
    (
        "accounts {A: {exports: [{stream: x, allow_trace: false}]}}",
        "s.conf:1:36: Detected allow_trace directive on non-service",
    ),
    (
        "accounts {A: {exports: [{stream: x, service: y}]}}",
        "s.conf:1:36: Detected service \"y\" but already saw a stream",
    ),
    (
        "accounts {A: {exports: [{service: x, stream: y}]}}",
        "s.conf:1:37: Detected stream \"y\" but already saw a service",
    ),
    (
        "accounts {A: {exports: [{response: foo, stream: x}]}}",
        "s.conf:1:25: Unknown response type: \"foo\"\ns.conf:1:25: Detected response directive on non-service",
    ),
    (
        "accounts {A: {exports: [{response: 5}]}}",
        "s.conf:1:25: Expected response type to be string, got int64",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: 5}]}}",
        "s.conf:1:37: Expected latency entry to be a map/struct or string, got int64",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {sampling: 5}}]}}",
        "s.conf:1:37: Latency subject required, but missing",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {Subject: a}}]}}",
        "s.conf:1:37: Latency subject required, but missing",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: 5}}]}}",
        "s.conf:1:47: Expected latency subject to be a string, got string",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: a, sampling: 0}}]}}",
        "s.conf:1:59: bad sampling percentage, should be 1-100",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: a, sampling: 101%}}]}}",
        "s.conf:1:59: bad sampling percentage, should be 1-100",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: a, sampling: ' 50%'}}]}}",
        "s.conf:1:59: Failed to parse latency sample: strconv.Atoi: parsing \" 50\": invalid syntax",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: a, sampling: '99999999999999999999'}}]}}",
        "s.conf:1:59: Failed to parse latency sample: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
    ),
    (
        "accounts {A: {exports: [{service: x, latency: {subject: a, sampling: 1.5}}]}}",
        "s.conf:1:59: Expected latency sample to be a string or map/struct, got float64",
    ),
    (
        "accounts {A: {exports: [{service: x, account_token_position: a}]}}",
        "s.conf:1:37: interface conversion: interface {} is string, not int64",
    ),
    (
        "port: 1\naccounts {A: {exports: [{service: x, latency: \"a b\"}, {service: y, response: stream, latency: l}, {stream: z, accounts: [A, Z]}, {service: z, accounts: [Y]}]}}",
        "s.conf:2:1: \"Z\" account not defined for stream export\n\
         s.conf:2:1: Error adding service latency sampling for \"x\" on subject \"a b\": invalid publish subject\n\
         s.conf:2:1: Error adding service latency sampling for \"y\" on subject \"l\": bad service response type\n\
         s.conf:2:1: \"Y\" account not defined for service export",
    ),
    // ... which are looked at in a file that is right otherwise.
    (
        "accounts {A: {exports: [{service: x, accounts: [Z]}]}}\nbogus: 1",
        "s.conf:2:1: unknown field \"bogus\"",
    ),
    // Imports.
    (
        "accounts {A: {imports: [{prefix: z, stream: {account: A, subject: x}, to: y}]}}",
        "s.conf:1:70: Stream import can not have a 'prefix' and a 'to' property",
    ),
    (
        "accounts {A: {imports: [{allow_trace: false, service: {account: A, subject: x}}]}}",
        "s.conf:1:25: Detected allow_trace directive on a non-stream",
    ),
    (
        "accounts {A: {imports: [{stream: {account: A, subject: x}, service: {account: A, subject: y}}]}}",
        "s.conf:1:59: Detected service but already saw a stream",
    ),
    (
        "accounts {A: {imports: [{service: {account: A, subject: x}, stream: {account: A, subject: y}}]}}",
        "s.conf:1:60: Detected stream but already saw a service",
    ),
    (
        "accounts {A: {imports: [{service: {account: A, subject: 5}}]}}",
        "s.conf:1:47: interface conversion: interface {} is int64, not string\n\
         s.conf:1:25: Expect an account name and a subject",
    ),
    (
        "accounts {A: {imports: [{service: {account: A, subject: x, foo: 1}}]}}",
        "s.conf:1:59: unknown field \"foo\"",
    ),
    (
        "accounts {A: {imports: [{service: {account: B, subject: x}}, {service: {account: C, subject: x}}\n {to: x, service: {account: B, subject: y}\n}]}, B: {exports: [{service: \">\"}]}, C: {exports: [{service: \">\"}]}}",
        "s.conf:3:2: Duplicate service import subject \"x\", previously used in import for account \"B\", subject \"x\"",
    ),
    // Traces.
    ("accounts {A: {msg_trace: x..y}}", "s.conf:1:14: Trace destination \"x..y\" is not valid"),
    (
        "accounts {A: {msg_trace: {dest: a.*}}}",
        "s.conf:1:26: Trace destination \"a.*\" is not valid",
    ),
    (
        "accounts {A: {msg_trace: {dest: 5}}}",
        "s.conf:1:26: Field \"dest\" should be a string, got int64",
    ),
    (
        "accounts {A: {msg_trace: {dest: a, sampling: x%}}}",
        "s.conf:1:35: Invalid trace destination sampling value \"x%\"",
    ),
    (
        "accounts {A: {msg_trace: {dest: a, sampling: true}}}",
        "s.conf:1:35: Trace destination sampling field \"sampling\" should be an integer or a percentage, got bool",
    ),
    (
        "accounts {A: {msg_trace: {sampling: 0}}}",
        "s.conf:1:26: Ttrace destination sampling value 0 is invalid, needs to be [1..100]",
    ),
];
