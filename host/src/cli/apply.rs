//! Flags over options: what was given explicitly wins, even where it equals the default.

use std::path::Path;

use super::{CliError, Flags, Secret};
use crate::options::{Listen, MAX_SHARDS, Options, TlsOptions, User};

/// nats-server's client port.
const DEFAULT_PORT: u16 = 4222;

fn refused(text: impl Into<String>) -> CliError {
    CliError::Refused(text.into())
}

/// A path that is given and not empty.
fn some_path(path: &Path) -> Option<std::path::PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

/// A port flag: -1 is "any free one", which options spell 0.
///
/// nats-server fails later, when it listens, with the same words (observed on 2.15.1).
fn port(number: i64) -> Result<u16, CliError> {
    if number == -1 {
        return Ok(0);
    }
    u16::try_from(number)
        .map_err(|_| refused(format!("listen tcp: address {number}: invalid port")))
}

/// `host[:port]`, where a missing port or -1 is left to the listener as 0.
fn advertise(text: &str) -> Result<Listen, CliError> {
    let invalid = |why: &str| refused(format!("invalid client_advertise {text:?}: {why}"));
    let (host, digits) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| invalid("missing ']'"))?;
            match rest.strip_prefix(':') {
                Some(digits) => (host, Some(digits)),
                None if rest.is_empty() => (host, None),
                None => return Err(invalid("unexpected text after ']'")),
            }
        }
        None => match text.split_once(':') {
            // More than one colon: an IPv6 address without brackets, so without port.
            Some((_, rest)) if rest.contains(':') => (text, None),
            Some((host, digits)) => (host, Some(digits)),
            None => (text, None),
        },
    };
    let port = match digits {
        None | Some("-1") => 0,
        Some(digits) => digits.parse().map_err(|_| invalid("invalid port"))?,
    };
    Ok(Listen { host: host.to_owned(), port })
}

impl Flags {
    /// Lays the flags that were given over `options`.
    ///
    /// `options` come from defaults and file. Listeners of monitoring that name no host of their
    /// own (an empty one) get the client listener's, after `-a` has had its say. `--user` and
    /// `--pass` change the single user of a file; a list of several users stands, and a token
    /// makes them moot (observed on nats-server 2.15.1). Users of accounts allow neither.
    ///
    /// # Errors
    /// [`CliError::Refused`] for values that cannot be acted upon.
    pub fn apply(&self, options: &mut Options) -> Result<(), CliError> {
        self.apply_listeners(options)?;
        self.apply_files(options);
        self.apply_log(options);
        self.apply_auth(options)?;
        self.apply_tls(options)?;
        self.warn(options);
        Ok(())
    }

    /// What can be told about the flags without knowing the file.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.name.as_ref().is_some_and(|name| name.contains(' ')) {
            return Err(refused("server name cannot contain spaces"));
        }
        let cluster = self.cluster.as_ref().map(Secret::expose).filter(|url| !url.is_empty());
        if let Some(url) = cluster {
            check_cluster_url(url)?;
        }
        // With a file the cluster may be configured there.
        let routes = self.routes.as_ref().is_some_and(|routes| !routes.expose().is_empty());
        if routes && cluster.is_none() && self.config.is_none() {
            return Err(refused("solicited routes require cluster capabilities, e.g. --cluster"));
        }
        Ok(())
    }

    fn apply_listeners(&self, options: &mut Options) -> Result<(), CliError> {
        if let Some(host) = &self.addr {
            let host = if host.is_empty() { "0.0.0.0" } else { host };
            options.listen.host = host.to_owned();
        }
        if let Some(number) = self.port {
            options.listen.port = if number == 0 { DEFAULT_PORT } else { port(number)? };
        }
        for (flag, http) in
            [(self.http_port, &mut options.http), (self.https_port, &mut options.https)]
        {
            match flag {
                None => {}
                Some(0) => *http = None,
                Some(number) => {
                    let port = port(number)?;
                    match http {
                        Some(listen) => listen.port = port,
                        None => *http = Some(Listen { host: String::new(), port }),
                    }
                }
            }
        }
        for listen in [&mut options.http, &mut options.https].into_iter().flatten() {
            if listen.host.is_empty() {
                listen.host.clone_from(&options.listen.host);
            }
        }
        if let Some(text) = &self.client_advertise {
            options.client_advertise = if text.is_empty() { None } else { Some(advertise(text)?) };
        }
        if let Some(name) = &self.name {
            options.server_name = Some(name.clone()).filter(|name| !name.is_empty());
        }
        if let Some(number) = self.shards {
            let count = usize::try_from(number).ok().filter(|count| *count <= MAX_SHARDS);
            options.shards = count.ok_or_else(|| {
                refused(format!("shards must be between 0 and {MAX_SHARDS}, not {number}"))
            })?;
        }
        Ok(())
    }

    fn apply_files(&self, options: &mut Options) {
        if let Some(path) = &self.config {
            options.config_file = some_path(path);
        }
        if let Some(path) = &self.pid_file {
            options.pid_file = some_path(path);
        }
        if let Some(path) = &self.ports_file_dir {
            options.ports_file_dir = some_path(path);
        }
    }

    fn apply_log(&self, options: &mut Options) {
        let log = &mut options.log;
        if let Some(path) = &self.log_file {
            log.file = some_path(path);
        }
        if let Some(on) = self.logtime {
            log.logtime = on;
        }
        if let Some(on) = self.logtime_utc {
            log.logtime_utc = on;
        }
        if let Some(limit) = self.log_size_limit {
            log.size_limit = u64::try_from(limit).unwrap_or(0);
        }
        if let Some(limit) = self.max_traced_msg_len {
            log.max_traced_msg_len = usize::try_from(limit).unwrap_or(0);
        }
        // In the order of their names, which is the order nats-server looks at them: of
        // `-D=false -DV` the second counts, whichever comes first on the line.
        if let Some(on) = self.debug {
            log.debug = on;
        }
        if let Some(on) = self.debug_trace {
            (log.debug, log.trace) = (on, on);
        }
        if let Some(on) = self.debug_verbose_trace {
            (log.debug, log.trace, log.trace_verbose) = (on, on, on);
        }
        if let Some(on) = self.trace {
            log.trace = on;
        }
        if let Some(on) = self.verbose_trace {
            (log.trace, log.trace_verbose) = (on, on);
        }
    }

    fn apply_auth(&self, options: &mut Options) -> Result<(), CliError> {
        let auth = &mut options.auth;
        let password = self.pass.as_ref().map(Secret::expose);
        let mut accounts = auth.users.iter().map(|user| &user.account);
        if accounts.any(Option::is_some) || auth.nkeys.iter().any(|nkey| nkey.account.is_some()) {
            return self.check_auth_beside_accounts();
        }
        if auth.users.len() <= 1 && (self.user.is_some() || password.is_some()) {
            let before = auth.users.pop();
            let given = User {
                name: self.user.clone().unwrap_or_default(),
                password: password.unwrap_or_default().to_owned(),
                ..User::default()
            };
            let user = match before {
                Some(user) => User {
                    name: self.user.clone().unwrap_or_else(|| user.name.clone()),
                    password: password.map_or_else(|| user.password.clone(), str::to_owned),
                    ..user
                },
                None => given,
            };
            // A password without a user is no way in, and `--user ""` takes the way away.
            if !user.name.is_empty() {
                auth.users.push(user);
            }
        }
        if let Some(token) = self.auth.as_ref().map(Secret::expose) {
            auth.token = Some(token.to_owned()).filter(|token| !token.is_empty());
        }
        if auth.token.is_some() && self.user.is_some() && auth.users.len() == 1 {
            auth.users.clear();
        }
        Ok(())
    }

    /// Users of accounts bear no other way in (observed on nats-server 2.15.1, which shows their
    /// place before the text).
    fn check_auth_beside_accounts(&self) -> Result<(), CliError> {
        if self.user.as_ref().is_some_and(|user| !user.is_empty()) {
            return Err(refused("Can not have a single user/pass and accounts"));
        }
        match &self.auth {
            Some(token) if !token.expose().is_empty() => {
                Err(refused("Can not have a token and accounts"))
            }
            _ => Ok(()),
        }
    }

    fn apply_tls(&self, options: &mut Options) -> Result<(), CliError> {
        if self.tls == Some(false) {
            options.tls = None;
            return Ok(());
        }
        let given = self.tls.is_some()
            || self.tlscert.is_some()
            || self.tlskey.is_some()
            || self.tlsverify.is_some()
            || self.tlscacert.is_some();
        if !given {
            return Ok(());
        }
        // Certificate and key are taken from the flags alone, also when the file has a tls block
        // (observed on nats-server 2.15.1).
        let cert = self
            .tlscert
            .as_deref()
            .and_then(some_path)
            .ok_or_else(|| refused("TLS Server certificate must be present and valid"))?;
        let key = self
            .tlskey
            .as_deref()
            .and_then(some_path)
            .ok_or_else(|| refused("TLS Server private key must be present and valid"))?;
        let before = options.tls.take().unwrap_or_default();
        options.tls = Some(TlsOptions {
            certs: vec![(cert, key)],
            ca_file: self.tlscacert.as_deref().and_then(some_path),
            verify: self.tlsverify == Some(true),
            ..before
        });
        Ok(())
    }

    /// Names the flags that ask for what later versions bring. `--store_dir` alone asks for
    /// nothing: harnesses give it to servers without JetStream as well (reference 6.2).
    fn warn(&self, options: &mut Options) {
        let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let secret =
            |text: &Option<Secret>| text.as_ref().is_some_and(|text| !text.expose().is_empty());
        let number = |number: Option<i64>| number.is_some_and(|number| number != 0);
        let asked = [
            ("-s", self.syslog == Some(true)),
            ("-r", text(&self.remote_syslog)),
            ("-js", self.jetstream == Some(true)),
            ("--routes", secret(&self.routes)),
            ("--cluster", secret(&self.cluster)),
            ("--cluster_name", text(&self.cluster_name)),
            ("--cluster_advertise", text(&self.cluster_advertise)),
            ("--no_advertise", self.no_advertise == Some(true)),
            ("--connect_retries", number(self.connect_retries)),
            ("--profile", number(self.profile)),
        ];
        for (flag, asked) in asked {
            if asked {
                options.not_yet.push(format!("flag \"{flag}\" is accepted but not yet acted upon"));
            }
        }
    }
}

/// Refuses what nats-server refuses of a `--cluster` URL, in its words (reference 3.1).
fn check_cluster_url(url: &str) -> Result<(), CliError> {
    // Go's URL parser speaks; what it says of passwords must not be repeated, so a URL with
    // credentials is shown without them.
    let Some((scheme, rest)) = url.split_once("://") else {
        let text = if url.contains(':') {
            format!("parse {url:?}: first path segment in URL cannot contain colon")
        } else {
            format!("address {url}: missing port in address")
        };
        return Err(refused(text));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    };
    // A colon inside the brackets of an IPv6 address is no port's.
    let port = match host.rfind(']') {
        Some(end) => host[end + 1..].strip_prefix(':'),
        None => host.rsplit_once(':').map(|(_, port)| port),
    };
    let Some(port) = port else {
        return Err(refused(format!("address {host}: missing port in address")));
    };
    if port != "-1" && (port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        let shown = format!("{scheme}://{host}");
        return Err(refused(format!("parse {shown:?}: invalid port \":{port}\" after host")));
    }
    if userinfo.is_some_and(|userinfo| !userinfo.contains(':')) {
        return Err(refused("expected cluster password to be set"));
    }
    Ok(())
}
