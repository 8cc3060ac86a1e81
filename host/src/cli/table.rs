//! The one table of flags: names, where the value goes, and what the usage says.

use std::path::PathBuf;

use super::{Line, Secret};

/// Where a flag's value goes, and by that what it must look like.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    /// True when bare; a value only after `=`.
    Bool(fn(&mut Line) -> &mut Option<bool>),
    /// A whole number.
    Int(fn(&mut Line) -> &mut Option<i64>),
    /// Text.
    Text(fn(&mut Line) -> &mut Option<String>),
    /// Text that is not to be shown.
    Secret(fn(&mut Line) -> &mut Option<Secret>),
    /// A file or directory, in whatever bytes.
    Path(fn(&mut Line) -> &mut Option<PathBuf>),
}

/// One flag with all its names.
pub(super) struct Flag {
    /// All names, without dashes.
    pub(super) names: &'static [&'static str],
    /// Where the value goes.
    pub(super) slot: Slot,
    /// The usage's heading it stands under.
    pub(super) section: &'static str,
    /// Names and placeholder as the usage shows them; a line feed starts a second line.
    pub(super) shown: &'static str,
    /// What the usage says about it; a line feed starts a second line. `{program}` is the
    /// program's name.
    pub(super) about: &'static str,
}

/// The flag of this name.
pub(super) fn find(name: &[u8]) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.names.iter().any(|known| known.as_bytes() == name))
}

const fn flag(
    names: &'static [&'static str],
    slot: Slot,
    section: &'static str,
    shown: &'static str,
    about: &'static str,
) -> Flag {
    Flag { names, slot, section, shown, about }
}

const SERVER: &str = "Server Options";
const LOGGING: &str = "Logging Options";
const JETSTREAM: &str = "JetStream Options";
const AUTHORIZATION: &str = "Authorization Options";
const TLS: &str = "TLS Options";
const CLUSTER: &str = "Cluster Options";
const PROFILING: &str = "Profiling Options";
const COMMON: &str = "Common Options";

/// All flags, in the order of the usage text.
#[rustfmt::skip]
pub(super) static FLAGS: &[Flag] = &[
    flag(&["a", "addr", "net"], Slot::Text(|l| &mut l.flags.addr), SERVER,
        "-a, --addr, --net <host>", "Host to listen on for clients (default: 0.0.0.0)"),
    flag(&["p", "port"], Slot::Int(|l| &mut l.flags.port), SERVER,
        "-p, --port <port>", "Port to listen on for clients, -1 for any (default: 4222)"),
    flag(&["n", "name", "server_name"], Slot::Text(|l| &mut l.flags.name), SERVER,
        "-n, --name\n    --server_name <server_name>", "Name of this server (default: its id)"),
    flag(&["P", "pid"], Slot::Path(|l| &mut l.flags.pid_file), SERVER,
        "-P, --pid <file>", "File to write the process id to"),
    flag(&["m", "http_port"], Slot::Int(|l| &mut l.flags.http_port), SERVER,
        "-m, --http_port <port>", "Port for monitoring over HTTP"),
    flag(&["ms", "https_port"], Slot::Int(|l| &mut l.flags.https_port), SERVER,
        "-ms,--https_port <port>", "Port for monitoring over HTTPS"),
    flag(&["c", "config"], Slot::Path(|l| &mut l.flags.config), SERVER,
        "-c, --config <file>", "Configuration file"),
    flag(&["t"], Slot::Bool(|l| &mut l.check), SERVER,
        "-t", "Check the configuration file and exit"),
    flag(&["sl", "signal"], Slot::Text(|l| &mut l.signal), SERVER,
        "-sl,--signal <signal>[=<pid>]",
        "Signal a running {program}: ldm, stop, quit, term, reopen, reload\n\
         <pid> is a process id or a file that holds one"),
    flag(&["client_advertise"], Slot::Text(|l| &mut l.flags.client_advertise), SERVER,
        "    --client_advertise <string>", "host[:port] to tell clients instead of the listener's"),
    flag(&["ports_file_dir"], Slot::Path(|l| &mut l.flags.ports_file_dir), SERVER,
        "    --ports_file_dir <dir>",
        "Directory to write <executable_name>_<pid>.ports to, which lists the listeners"),
    flag(&["shards"], Slot::Int(|l| &mut l.flags.shards), SERVER,
        "    --shards <number>", "Threads that carry messages (default: one per processor)"),

    flag(&["l", "log"], Slot::Path(|l| &mut l.flags.log_file), LOGGING,
        "-l, --log <file>", "File to log to (default: standard error)"),
    flag(&["T", "logtime"], Slot::Bool(|l| &mut l.flags.logtime), LOGGING,
        "-T, --logtime", "Put date and time on log lines (default: true)"),
    flag(&["logtime_utc"], Slot::Bool(|l| &mut l.flags.logtime_utc), LOGGING,
        "    --logtime_utc", "Log in UTC instead of the local time zone (default: false)"),
    flag(&["s", "syslog"], Slot::Bool(|l| &mut l.flags.syslog), LOGGING,
        "-s, --syslog", "Log to syslog"),
    flag(&["r", "remote_syslog"], Slot::Text(|l| &mut l.flags.remote_syslog), LOGGING,
        "-r, --remote_syslog <addr>", "Log to the syslog server at this URL (udp://localhost:514)"),
    flag(&["D", "debug"], Slot::Bool(|l| &mut l.flags.debug), LOGGING,
        "-D, --debug", "Log debugging lines"),
    flag(&["V", "trace"], Slot::Bool(|l| &mut l.flags.trace), LOGGING,
        "-V, --trace", "Log the protocol of clients"),
    flag(&["VV"], Slot::Bool(|l| &mut l.flags.verbose_trace), LOGGING,
        "-VV", "Log the protocol, that of the system account too"),
    flag(&["DV"], Slot::Bool(|l| &mut l.flags.debug_trace), LOGGING,
        "-DV", "-D and -V"),
    flag(&["DVV"], Slot::Bool(|l| &mut l.flags.debug_verbose_trace), LOGGING,
        "-DVV", "-D and -VV"),
    flag(&["log_size_limit"], Slot::Int(|l| &mut l.flags.log_size_limit), LOGGING,
        "    --log_size_limit <limit>", "Size in bytes above which the log file is rotated (default: never)"),
    flag(&["max_traced_msg_len"], Slot::Int(|l| &mut l.flags.max_traced_msg_len), LOGGING,
        "    --max_traced_msg_len <len>", "Bytes shown of a traced payload (default: all)"),

    flag(&["js", "jetstream"], Slot::Bool(|l| &mut l.flags.jetstream), JETSTREAM,
        "-js, --jetstream", "Enable JetStream"),
    flag(&["sd", "store_dir"], Slot::Path(|l| &mut l.flags.store_dir), JETSTREAM,
        "-sd, --store_dir <dir>", "Directory JetStream stores to"),

    flag(&["user"], Slot::Text(|l| &mut l.flags.user), AUTHORIZATION,
        "    --user <user>", "User that connections must name"),
    flag(&["pass"], Slot::Secret(|l| &mut l.flags.pass), AUTHORIZATION,
        "    --pass <password>", "That user's password"),
    flag(&["auth"], Slot::Secret(|l| &mut l.flags.auth), AUTHORIZATION,
        "    --auth <token>", "Token that connections must show"),

    flag(&["tls"], Slot::Bool(|l| &mut l.flags.tls), TLS,
        "    --tls", "TLS for clients, whose certificates are not verified (default: false)"),
    flag(&["tlscert"], Slot::Path(|l| &mut l.flags.tlscert), TLS,
        "    --tlscert <file>", "Certificate of this server"),
    flag(&["tlskey"], Slot::Path(|l| &mut l.flags.tlskey), TLS,
        "    --tlskey <file>", "Private key of that certificate"),
    flag(&["tlsverify"], Slot::Bool(|l| &mut l.flags.tlsverify), TLS,
        "    --tlsverify", "TLS for clients, whose certificates are verified"),
    flag(&["tlscacert"], Slot::Path(|l| &mut l.flags.tlscacert), TLS,
        "    --tlscacert <file>", "Authority to verify client certificates by"),

    flag(&["routes"], Slot::Secret(|l| &mut l.flags.routes), CLUSTER,
        "    --routes <rurl-1, rurl-2>", "Routes to connect to"),
    flag(&["cluster", "cluster_listen"], Slot::Secret(|l| &mut l.flags.cluster), CLUSTER,
        "    --cluster <cluster-url>\n    --cluster_listen <url>", "URL to listen on for routes"),
    flag(&["cluster_name"], Slot::Text(|l| &mut l.flags.cluster_name), CLUSTER,
        "    --cluster_name <string>", "Name of the cluster (default: agreed upon with the others)"),
    flag(&["no_advertise"], Slot::Bool(|l| &mut l.flags.no_advertise), CLUSTER,
        "    --no_advertise", "Tell clients nothing about the cluster's other servers"),
    flag(&["cluster_advertise"], Slot::Text(|l| &mut l.flags.cluster_advertise), CLUSTER,
        "    --cluster_advertise <string>", "host[:port] to tell other servers"),
    flag(&["connect_retries"], Slot::Int(|l| &mut l.flags.connect_retries), CLUSTER,
        "    --connect_retries <number>", "Tries to connect to a route that was learnt from others"),

    flag(&["profile"], Slot::Int(|l| &mut l.flags.profile), PROFILING,
        "    --profile <port>", "Port for profiling over HTTP"),

    flag(&["h", "help"], Slot::Bool(|l| &mut l.help), COMMON,
        "-h, --help", "Show this text"),
    flag(&["v", "version"], Slot::Bool(|l| &mut l.version), COMMON,
        "-v, --version", "Show the version"),
    flag(&["help_tls"], Slot::Bool(|l| &mut l.help_tls), COMMON,
        "    --help_tls", "Show what can be configured about TLS"),
];
