//! INFO: what the server says about itself.

use serde::Serialize;

/// The protocol level the server speaks: 1 means that it may send INFO at any time.
pub const PROTO: u8 = 1;

/// The part of INFO that all clients of one listener see, in the order of client-protocol 2.2.
/// Empty strings, `false` and zero stand for absent fields where INFO may leave them out.
///
/// A WebSocket listener has its own, for it differs in `host`, `port` and TLS.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerInfo {
    /// The server's public nkey.
    pub server_id: String,
    /// The configured name, else the id.
    pub server_name: String,
    /// Version by which clients gate their features, without `v`.
    pub version: String,
    /// Short commit id; may be absent.
    pub git_commit: String,
    /// Runtime the server was built with; free text that clients expect to be there.
    pub go: String,
    /// Listen host, or that of `client_advertise`.
    pub host: String,
    /// Listen port, or that of `client_advertise`.
    pub port: u16,
    /// Headers are supported.
    pub headers: bool,
    /// The client has to upgrade to TLS; may be absent.
    pub tls_required: bool,
    /// A client certificate is required; may be absent.
    pub tls_verify: bool,
    /// TLS is optional; may be absent.
    pub tls_available: bool,
    /// JetStream is enabled; may be absent.
    pub jetstream: bool,
    /// Cluster name; may be absent.
    pub cluster: String,
    /// JetStream domain; may be absent.
    pub domain: String,
    /// JetStream API level; may be absent.
    pub api_lvl: u32,
    /// The server's public curve key; may be absent.
    pub xkey: String,
}

/// The part of INFO that differs from client to client and from one INFO to the next. The default
/// leaves out everything that may be absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientInfo<'a> {
    /// Credentials are needed; may be absent.
    pub auth_required: bool,
    /// The largest payload this client may send, in bytes.
    pub max_payload: i32,
    /// The connection's number.
    pub client_id: u64,
    /// The client's address; may be absent.
    pub client_ip: &'a str,
    /// What to sign; may be absent, and is in all INFOs but the first.
    pub nonce: &'a str,
    /// Where else clients can connect to; may be absent.
    pub connect_urls: &'a [String],
    /// The server is about to shut down; may be absent.
    pub ldm: bool,
    /// This INFO answers the first PING after CONNECT; may be absent.
    pub connect_info: bool,
    /// The account the client is in; may be absent.
    pub remote_account: &'a str,
    /// That account is the system account; may be absent.
    pub acc_is_sys: bool,
}

/// The object as it is sent. The order of the fields is the order on the wire.
#[derive(Serialize)]
struct Line<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    #[serde(skip_serializing_if = "is_default")]
    git_commit: &'a str,
    go: &'a str,
    host: &'a str,
    port: u16,
    headers: bool,
    #[serde(skip_serializing_if = "is_default")]
    auth_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    tls_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    tls_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    tls_available: bool,
    max_payload: i32,
    #[serde(skip_serializing_if = "is_default")]
    jetstream: bool,
    #[serde(skip_serializing_if = "is_default")]
    client_id: u64,
    #[serde(skip_serializing_if = "is_default")]
    client_ip: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    nonce: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    cluster: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    domain: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    connect_urls: &'a [String],
    #[serde(skip_serializing_if = "is_default")]
    ldm: bool,
    #[serde(skip_serializing_if = "is_default")]
    connect_info: bool,
    #[serde(skip_serializing_if = "is_default")]
    remote_account: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    acc_is_sys: bool,
    #[serde(skip_serializing_if = "is_default")]
    api_lvl: u32,
    #[serde(skip_serializing_if = "is_default")]
    xkey: &'a str,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl ServerInfo {
    /// Appends `INFO {json} \r\n` for one client.
    pub fn encode_into(&self, client: &ClientInfo<'_>, out: &mut Vec<u8>) {
        let line = Line {
            server_id: &self.server_id,
            server_name: &self.server_name,
            version: &self.version,
            proto: PROTO,
            git_commit: &self.git_commit,
            go: &self.go,
            host: &self.host,
            port: self.port,
            headers: self.headers,
            auth_required: client.auth_required,
            tls_required: self.tls_required,
            tls_verify: self.tls_verify,
            tls_available: self.tls_available,
            max_payload: client.max_payload,
            jetstream: self.jetstream,
            client_id: client.client_id,
            client_ip: client.client_ip,
            nonce: client.nonce,
            cluster: &self.cluster,
            domain: &self.domain,
            connect_urls: client.connect_urls,
            ldm: client.ldm,
            connect_info: client.connect_info,
            remote_account: client.remote_account,
            acc_is_sys: client.acc_is_sys,
            api_lvl: self.api_lvl,
            xkey: &self.xkey,
        };
        out.extend_from_slice(b"INFO ");
        // Strings and numbers written to memory leave nothing that could fail.
        let written = serde_json::to_writer(&mut *out, &line);
        debug_assert!(written.is_ok(), "INFO could not be written: {written:?}");
        out.extend_from_slice(b" \r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(server: &ServerInfo, client: &ClientInfo<'_>) -> String {
        let mut out = b"PONG\r\n".to_vec();
        server.encode_into(client, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("PONG\r\n").unwrap().to_owned()
    }

    #[test]
    fn a_plain_servers_info_is_the_one_of_nats_server() {
        let server = ServerInfo {
            server_id: "NCAE".into(),
            server_name: "NCAE".into(),
            version: "2.15.1".into(),
            git_commit: "b2fd3ef".into(),
            go: "go1.27.2".into(),
            host: "127.0.0.1".into(),
            port: 33727,
            headers: true,
            api_lvl: 5,
            xkey: "XBZA".into(),
            ..ServerInfo::default()
        };
        let first = ClientInfo {
            max_payload: 1_048_576,
            client_id: 70,
            client_ip: "127.0.0.1",
            ..ClientInfo::default()
        };
        assert_eq!(
            encoded(&server, &first),
            "INFO {\"server_id\":\"NCAE\",\"server_name\":\"NCAE\",\"version\":\"2.15.1\",\
             \"proto\":1,\"git_commit\":\"b2fd3ef\",\"go\":\"go1.27.2\",\"host\":\"127.0.0.1\",\
             \"port\":33727,\"headers\":true,\"max_payload\":1048576,\"client_id\":70,\
             \"client_ip\":\"127.0.0.1\",\"api_lvl\":5,\"xkey\":\"XBZA\"} \r\n"
        );
        let connected = ClientInfo { connect_info: true, remote_account: "$G", ..first };
        assert!(encoded(&server, &connected).contains(
            "\"client_ip\":\"127.0.0.1\",\"connect_info\":true,\"remote_account\":\"$G\",\
             \"api_lvl\":5"
        ));
    }

    #[test]
    fn all_fields_come_in_the_order_of_the_reference() {
        let server = ServerInfo {
            server_id: "i".into(),
            server_name: "n".into(),
            version: "v".into(),
            git_commit: "c".into(),
            go: "g".into(),
            host: "h".into(),
            port: 1,
            headers: false,
            tls_required: true,
            tls_verify: true,
            tls_available: true,
            jetstream: true,
            cluster: "c".into(),
            domain: "d".into(),
            api_lvl: 5,
            xkey: "x".into(),
        };
        let client = ClientInfo {
            auth_required: true,
            max_payload: -1,
            client_id: 1,
            client_ip: "a",
            nonce: "n",
            connect_urls: &["a:1".to_owned(), "b:2".to_owned()],
            ldm: true,
            connect_info: true,
            remote_account: "a<\"&\u{1}>",
            acc_is_sys: true,
        };
        assert_eq!(
            encoded(&server, &client),
            "INFO {\"server_id\":\"i\",\"server_name\":\"n\",\"version\":\"v\",\"proto\":1,\
             \"git_commit\":\"c\",\"go\":\"g\",\"host\":\"h\",\"port\":1,\"headers\":false,\
             \"auth_required\":true,\"tls_required\":true,\"tls_verify\":true,\
             \"tls_available\":true,\"max_payload\":-1,\"jetstream\":true,\"client_id\":1,\
             \"client_ip\":\"a\",\"nonce\":\"n\",\"cluster\":\"c\",\"domain\":\"d\",\
             \"connect_urls\":[\"a:1\",\"b:2\"],\"ldm\":true,\"connect_info\":true,\
             \"remote_account\":\"a<\\\"&\\u0001>\",\"acc_is_sys\":true,\"api_lvl\":5,\
             \"xkey\":\"x\"} \r\n"
        );
    }

    #[test]
    fn required_fields_stay_when_they_are_empty() {
        assert_eq!(
            encoded(&ServerInfo::default(), &ClientInfo::default()),
            "INFO {\"server_id\":\"\",\"server_name\":\"\",\"version\":\"\",\"proto\":1,\
             \"go\":\"\",\"host\":\"\",\"port\":0,\"headers\":false,\"max_payload\":0} \r\n"
        );
    }
}
