//! Texts about one family of keys.

use super::Table;

pub(super) const TEXTS: Table = &[
    (
        "tls: 5",
        "s.conf:1:0: interface conversion: interface {} is int64, not map[string]interface {}",
    ),
    ("tls: {foo: 1}", "s.conf:1:6: error parsing tls config, unknown field \"foo\""),
    (
        "tls: {cert_file: 5}",
        "s.conf:1:6: error parsing tls config, expected 'cert_file' to be filename",
    ),
    (r#"tls: {cert_file: "x"}"#, "s.conf:1:0: missing 'key_file' in TLS configuration"),
    (
        r#"tls: {cert_file: "x", key_file: "y"}"#,
        "s.conf:1:0: error parsing X509 certificate/key pair: open x: no such file or directory",
    ),
    ("tls: {verify: 5}", "s.conf:1:6: error parsing tls config, expected 'verify' to be a boolean"),
    (
        "tls: {timeout: x}",
        "s.conf:1:6: error parsing tls config, 'timeout' time: invalid duration \"x\"",
    ),
    ("tls: {timeout: true}", "s.conf:1:6: error parsing tls config, 'timeout' wrong type"),
    (
        "tls: {min_version: 1.2}",
        "s.conf:1:6: error parsing tls config: 'min_version' wrong type: 1.2",
    ),
    (
        r#"tls: {min_version: "1.1"}"#,
        "s.conf:1:6: error parsing tls config: unsupported TLS version: TLS 1.1",
    ),
    (
        "tls: {cipher_suites: 5}",
        "s.conf:1:6: interface conversion: interface {} is int64, not []interface {}",
    ),
    ("tls: {cipher_suites: [foo ]}", "s.conf:1:22: unrecognized cipher foo"),
    (
        "tls: {cipher_suites: []}",
        "s.conf:1:6: error parsing tls config, 'cipher_suites' cannot be empty",
    ),
    (
        "tls: {curve_preferences: []}",
        "s.conf:1:6: error parsing tls config, 'curve_preferences' cannot be empty",
    ),
    ("tls: {curve_preferences: [foo ]}", "s.conf:1:26: unrecognized curve preference foo"),
    (
        "tls: {pinned_certs: [foo ]}",
        "s.conf:1:21: error parsing tls config, 'pinned_certs' key foo does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
    ),
    (
        "tls: {pinned_certs: foo}",
        "s.conf:1:6: error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
    ),
    (
        "tls: {handshake_first: foo}",
        "s.conf:1:6: field \"handshake_first\"'s value \"foo\" is invalid",
    ),
    (
        "tls: {handshake_first: 5}",
        "s.conf:1:6: field \"handshake_first\" should be a boolean or a string, got int64",
    ),
    (
        "tls: {connection_rate_limit: x}",
        "s.conf:1:6: error parsing tls config, 'connection_rate_limit' wrong type",
    ),
    (
        "tls: {certs: [{cert_file: x}]}",
        "s.conf:1:15: error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
    ),
    (
        "tls: {certs: [{foo: x}]}",
        "s.conf:1:15: error parsing tls certs config, unknown field \"foo\"",
    ),
    (r#"tls: {ca_file: "nope"}"#, "s.conf:1:0: open nope: no such file or directory"),
    (
        "tls: {ca_file: 5}",
        "s.conf:1:6: error parsing tls config, expected 'ca_file' to be filename",
    ),
    ("websocket: 5", "s.conf:1:0: Expected websocket to be a map, got int64"),
    ("websocket: {foo: 1}", "s.conf:1:12: unknown field \"foo\""),
    (
        "websocket: {port: x}",
        "s.conf:1:12: interface conversion: interface {} is string, not int64",
    ),
    ("websocket: {listen: x}", "s.conf:1:12: could not parse address string \"x\""),
    (
        "websocket: {allowed_origins: 5}",
        "s.conf:1:12: error parsing allowed origins: unsupported type int64",
    ),
    (
        "websocket: {allowed_origins: [5 ]}",
        "s.conf:1:30: error parsing allowed origins: unsupported type in array int64",
    ),
    (
        "websocket: {handshake_timeout: 5.5}",
        "s.conf:1:12: error parsing handshake timeout: unsupported type float64",
    ),
    ("websocket: {handshake_timeout: x}", "s.conf:1:12: time: invalid duration \"x\""),
    (
        "websocket: {handshake_timeout: true}",
        "s.conf:1:12: error parsing handshake timeout: unsupported type bool",
    ),
    ("websocket: {headers: 5}", "s.conf:1:12: error parsing headers: unsupported type int64"),
    (
        "websocket: {headers: {a: 5}}",
        "s.conf:1:22: error parsing header key a: unsupported type int64",
    ),
    ("websocket: {authorization: {users: []}}", "s.conf:1:28: unknown field \"users\""),
    ("websocket: {authorization: {foo: 1}}", "s.conf:1:28: unknown field \"foo\""),
    (
        "websocket: {authorization: 5}",
        "s.conf:1:12: interface conversion: interface {} is int64, not map[string]interface {}",
    ),
    (
        "websocket: {ping_interval: 5}",
        "s.conf:1:12: invalid use of field \"ping_interval\": ping_interval should be converted to a duration",
    ),
    ("websocket: {tls: {foo: 1}}", "s.conf:1:18: error parsing tls config, unknown field \"foo\""),
    (
        "websocket: {no_auth_user: 5}",
        "s.conf:1:12: interface conversion: interface {} is int64, not string",
    ),
    (
        "websocket: {advertise: 5}",
        "s.conf:1:12: interface conversion: interface {} is int64, not string",
    ),
    (
        "websocket: {compression: 5}",
        "s.conf:1:12: interface conversion: interface {} is int64, not bool",
    ),
    ("ocsp: 5", "s.conf:1:0: error parsing ocsp config: unsupported type int64"),
    ("ocsp_cache: 5", "s.conf:1:0: error parsing tags: unsupported type int64"),
    (
        "ocsp_cache: {foo: 1}",
        "s.conf:1:13: error parsing OCSP peer cache config, unknown field [\"foo\"]",
    ),
    (
        "ocsp_cache: {type: foo}",
        "s.conf:1:13: error parsing OCSP peer cache config, unknown type [foo]",
    ),
    (
        "ocsp_cache: {save_interval: x}",
        "s.conf:1:13: error parsing tls peer config, conversion error: time: invalid duration \"x\"",
    ),
    (
        "tls: {ocsp_peer: 5}",
        "s.conf:1:6: error parsing ocsp peer config: unsupported type map[string]interface {}",
    ),
    (
        "tls: {ocsp_peer: {foo: 1}}",
        "s.conf:1:6: s.conf:1:18: error parsing tls peer config, unknown field [\"foo\"]",
    ),
    (
        "tls: {ocsp_peer: {ca_timeout: x}}",
        "s.conf:1:6: s.conf:1:18: error parsing tls peer config, conversion error: time: invalid duration \"x\"",
    ),
    (
        "tls: {ocsp_peer: {verify: x}}",
        "s.conf:1:6: s.conf:1:18: error parsing tls peer config, unknown field [\"verify\"]",
    ),
    ("tls: {cert_store: 5}", "s.conf:1:6: expected 'cert_store' to be a valid non-empty string"),
    ("tls: {cert_store: x}", "s.conf:1:6: cert store type not implemented"),
    ("tls: {cert_match_by: x}", "s.conf:1:6: cert match by type not implemented"),
    (
        "tls: {verify_cert_and_check_known_urls: true}",
        "s.conf:1:6: verify_cert_and_check_known_urls not supported in this context",
    ),
    (
        "tls: {handshake_first: 1m}",
        "s.conf:1:6: field \"handshake_first\" should be a boolean or a string, got int64",
    ),
    (
        r#"tls: {cipher_suites: ["TLS_RSA_WITH_RC4_128_SHA"]}"#,
        "s.conf:1:0: insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: TLS_RSA_WITH_RC4_128_SHA",
    ),
    (
        "tls: {cipher_suites: [5 ]}",
        "s.conf:1:22: interface conversion: interface {} is int64, not string",
    ),
    (
        "tls: {certs: [5 ]}",
        "s.conf:1:14: error parsing certificates config: unsupported type int64",
    ),
    (
        r#"tls: {cert_file: "x", key_file: "y", certs: [{cert_file: x, key_file: y}]}"#,
        "s.conf:1:0: error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
    ),
    (
        "tls: {pinned_certs: [5 ]}",
        "s.conf:1:21: interface conversion: interface {} is int64, not string",
    ),
    (
        "tls: {certs: [{cert_file: 5}]}",
        "s.conf:1:15: error parsing certificates config: unsupported type int64",
    ),
    (
        "tls: {curve_preferences: [5 ]}",
        "s.conf:1:26: interface conversion: interface {} is int64, not string",
    ),
    (
        "tls: {curve_preferences: 5}",
        "s.conf:1:6: interface conversion: interface {} is int64, not []interface {}",
    ),
    (
        "tls: {allow_insecure_cipher_suites: 5}",
        "s.conf:1:6: error parsing tls config, expected 'allow_insecure_cipher_suites' to be a boolean",
    ),
    (
        "websocket: {allowed_origins: {a: 5}}",
        "s.conf:1:12: error parsing allowed origins: unsupported type map[string]interface {}",
    ),
];
