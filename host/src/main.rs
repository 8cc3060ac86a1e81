//! The `nervure` binary: command line in, server up, signals obeyed.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nervure::cli::{self, Command, Flags, NATS_VERSION, Program};
use nervure::config;
use nervure::log::Logger;
use nervure::options::{HandshakeFirst, Listen, Options};
use nervure::process::{self, Address, Ports, PortsFile, Signal, Signals};
use nervure::server::Server;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let argv0 = std::env::args_os().next().unwrap_or_else(|| OsString::from("nervure"));
    let program = Program::of(&argv0);
    let command = match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            // Nobody is left to tell when these streams are closed.
            let _ = error.report(program, &mut std::io::stdout(), &mut std::io::stderr());
            return ExitCode::FAILURE;
        }
    };
    let done: Result<(), String> = match command {
        Command::Version => say(&program.version_line()),
        Command::Help => say(&program.usage()),
        Command::HelpTls => say(&program.tls_help()),
        Command::Auth(words) => match cli::auth::run(words, cli::auth::Input::standard()) {
            Ok(text) => say(&text),
            Err(error) => Err(format!("auth: {error}")),
        },
        Command::Signal { command, target } => {
            process::send_signal(program, &command, &target).map_err(|error| error.to_string())
        }
        Command::CheckConfig(flags) => check(program, &flags),
        Command::Run(flags) => options(&flags).and_then(|(options, warnings)| {
            warnings.iter().for_each(|warning| eprintln!("{warning}"));
            run(&argv0, &flags, options)
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            if !text.is_empty() {
                eprintln!("{}: {text}", program.name());
            }
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| format!("cannot write to standard output: {error}"))
}

fn check(program: Program, flags: &Flags) -> Result<(), String> {
    let Some(file) = &flags.config else {
        return Err(
            "must specify [-c, --config] option to check configuration file syntax".to_owned()
        );
    };
    let loaded = config::load(file).map_err(|error| error.to_string())?;
    if !loaded.warnings.is_empty() {
        return Err(format!("{}\n", loaded.warnings.join("\n")));
    }
    let options = loaded.options;
    let (name, digest) = (program.name(), options.config_digest);
    eprintln!("{name}: configuration file {} is valid ({digest})", file.display());
    Ok(())
}

/// Defaults, then the file, then the flags; and the file's warnings.
fn options(flags: &Flags) -> Result<(Options, Vec<String>), String> {
    let (mut options, warnings) = match &flags.config {
        Some(file) => {
            let loaded = config::load(file).map_err(|error| error.to_string())?;
            (loaded.options, loaded.warnings)
        }
        None => Default::default(),
    };
    flags.apply(&mut options).map_err(|error| error.to_string())?;
    config::validate(&options).map_err(|error| error.to_string())?;
    Ok((options, warnings))
}

/// Runs a server to its end. An empty error has been logged already.
fn run(argv0: &OsString, flags: &Flags, options: Options) -> Result<(), String> {
    let log = match Logger::open(&options.log) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("{}", error.startup_line());
            return Err(String::new());
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve(argv0, flags, options, &log)),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &served {
        log.fatal(format_args!("{error}"));
    }
    log.flush(Duration::from_millis(200));
    served.map_err(|_| String::new())
}

async fn serve(
    argv0: &OsString,
    flags: &Flags,
    options: Options,
    log: &Logger,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    log.info(format_args!("Starting nats-server"));
    log.info(format_args!("  Version:  {NATS_VERSION}"));
    for warning in &options.not_yet {
        log.warn(format_args!("{warning}"));
    }
    for warning in nervure::server::warnings(&options) {
        log.warn(format_args!("{warning}"));
    }
    if let Some(file) = &options.pid_file {
        write_pid_file(file).map_err(|why| format!("Could not write pidfile: {why}"))?;
    }
    let mut server = Server::builder().options(options.clone()).log(log.clone()).start().await?;
    announce(&server, &options, log);
    let mut ports = match &options.ports_file_dir {
        Some(directory) => {
            let path = PortsFile::path_in(directory, Path::new(argv0));
            Some(PortsFile::write(path, &ports(&server, &options))?)
        }
        None => None,
    };
    let process = Process { argv0, flags, ports: &mut ports, log };
    process.obey(&mut signals, &mut server, options).await;
    log.info(format_args!("Initiating Shutdown..."));
    server.shutdown().await;
    if let Some(ports) = ports {
        ports.remove()?;
    }
    log.info(format_args!("Server Exiting.."));
    Ok(())
}

/// The lines that tools wait for, in the order they rely on.
fn announce(server: &Server, options: &Options, log: &Logger) {
    log.info(format_args!("  Name:     {}", server.info().server_name));
    log.info(format_args!("  ID:       {}", server.info().server_id));
    if let Some(file) = &options.config_file {
        let digest = &options.config_digest;
        log.info(format_args!("Using configuration file: {} ({digest})", file.display()));
    }
    trusted_operators(options, log);
    if let Some(address) = server.http_address() {
        let (scheme, listen) = monitoring(options);
        let (host, port) = (listen.map(bracketed).unwrap_or_default(), address.port());
        log.info(format_args!("Starting {scheme} monitor on {host}:{port}"));
    }
    if let (Some(websocket), Some(address)) = (&options.websocket, server.websocket_address()) {
        let scheme = if websocket.tls.is_some() { "wss" } else { "ws" };
        let (host, port) = (bracketed(&websocket.listen), address.port());
        log.info(format_args!("Listening for websocket clients on {scheme}://{host}:{port}"));
        if websocket.tls.is_none() {
            log.warn(format_args!("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!"));
        }
    }
    let (host, port) = (bracketed(&options.listen), server.address().port());
    log.info(format_args!("Listening for client connections on {host}:{port}"));
    if options.proxy_protocol {
        log.info(format_args!("PROXY protocol enabled for client connections"));
    }
    if let Some(tls) = &options.tls {
        let how = if options.allow_non_tls { "available" } else { "required" };
        log.info(format_args!("TLS {how} for client connections"));
        if tls.handshake_first == HandshakeFirst::Yes {
            log.warn(format_args!(
                "Clients that are not using \"TLS Handshake First\" option will fail to connect"
            ));
        }
    }
    log.info(format_args!("Server is ready"));
}

/// Who the operators are, a few lines each.
fn trusted_operators(options: &Options, log: &Logger) {
    let operators = &options.operators.operators;
    if !operators.is_empty() {
        log.info(format_args!("Trusted Operators"));
    }
    let day = |at: i64| {
        let at = jiff::Timestamp::from_second(at).unwrap_or_default();
        at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
    };
    for operator in operators {
        log.info(format_args!("  System  : {:?}", operator.aud));
        log.info(format_args!("  Operator: {:?}", operator.name));
        log.info(format_args!("  Issued  : {}", day(operator.iat)));
        match operator.exp {
            0 => log.info(format_args!("  Expires : Never")),
            at => log.info(format_args!("  Expires : {}", day(at))),
        }
    }
    if !operators.is_empty() && options.named_system_account().is_none() {
        log.warn(format_args!("Trusted Operators should utilize a System Account"));
    }
}

/// How monitoring is spoken to, and where it was asked to listen.
fn monitoring(options: &Options) -> (&'static str, Option<&Listen>) {
    match &options.https {
        Some(https) => ("https", Some(https)),
        None => ("http", options.http.as_ref()),
    }
}

/// A host as log lines show it: IPv6 in brackets, apart from the port.
fn bracketed(listen: &Listen) -> String {
    let host = &listen.host;
    if host.contains(':') { format!("[{host}]") } else { host.clone() }
}

fn ports(server: &Server, options: &Options) -> Ports {
    let secure = |tls: bool, yes, no| if tls { yes } else { no };
    let tls = options.tls.is_some();
    let wss = options.websocket.as_ref().is_some_and(|ws| ws.tls.is_some());
    let address = |scheme, addr| Address { scheme, addr };
    Ports {
        nats: Some(address(secure(tls, "tls", "nats"), server.address())),
        monitoring: server.http_address().map(|addr| address(monitoring(options).0, addr)),
        cluster: None,
        profile: None,
        websocket: server.websocket_address().map(|addr| address(secure(wss, "wss", "ws"), addr)),
    }
}

fn write_pid_file(file: &Path) -> Result<(), String> {
    process::write_pid_file(file)
        .map_err(|error| format!("open {}: {}", file.display(), process::os_error(&error)))
}

/// What signals need beside the server.
struct Process<'a> {
    argv0: &'a OsString,
    flags: &'a Flags,
    ports: &'a mut Option<PortsFile>,
    log: &'a Logger,
}

impl Process<'_> {
    /// Obeys signals until one of them ends the server.
    async fn obey(mut self, signals: &mut Signals, server: &mut Server, mut options: Options) {
        let log = self.log;
        loop {
            let signal = signals.next().await;
            log.info(format_args!("Trapped \"{}\" signal", signal.name()));
            match signal {
                Signal::Interrupt | Signal::Terminate => return,
                Signal::Reopen => log.reopen(),
                Signal::Reload => match self.reload(server, &options).await {
                    Ok(reloaded) => options = reloaded,
                    Err(text) => {
                        log.error(format_args!("Failed to reload server configuration: {text}"));
                    }
                },
                Signal::LameDuck => {
                    log.info(format_args!("Entering lame duck mode, stop accepting new clients"));
                    let (grace, total) =
                        (options.lame_duck_grace_period, options.lame_duck_duration);
                    let leaving = leave(server, grace, total, log);
                    tokio::pin!(leaving);
                    loop {
                        tokio::select! {
                            () = &mut leaving => return,
                            // Only an interrupt ends lame duck mode early.
                            signal = signals.next() => if signal == Signal::Interrupt { return },
                        }
                    }
                }
            }
        }
    }

    /// Reads the file again, under the same flags; gives back what is in force now.
    async fn reload(&mut self, server: &mut Server, old: &Options) -> Result<Options, String> {
        if self.flags.config.is_none() {
            let text = "can only reload config when a file is provided using -c or --config";
            return Err(text.to_owned());
        }
        // Warnings of the file were for the start (observed on nats-server 2.15.1).
        let (new, _) = options(self.flags).map_err(|text| text.trim_end().to_owned())?;
        server.reconfigure(&new).await.map_err(|error| error.to_string())?;
        for warning in &new.not_yet {
            self.log.warn(format_args!("{warning}"));
        }
        self.move_files(server, old, &new);
        let digest = &new.config_digest;
        self.log.info(format_args!("Reloaded server configuration ({digest})"));
        Ok(new)
    }

    /// Writes the pid and ports files where a reload wants them. The old pid file stays, as with
    /// nats-server.
    fn move_files(&mut self, server: &Server, old: &Options, new: &Options) {
        if let Some(file) = new.pid_file.as_ref().filter(|_| old.pid_file != new.pid_file)
            && let Err(why) = write_pid_file(file)
        {
            self.log.error(format_args!("Failed to write pidfile: {why}"));
        }
        if old.ports_file_dir == new.ports_file_dir {
            return;
        }
        if let Some(ports) = self.ports.take() {
            let path = ports.path().display().to_string();
            if let Err(error) = ports.remove() {
                let why = process::os_error(&error);
                let text =
                    format_args!("Error cleaning up ports file {path}: remove {path}: {why}");
                self.log.error(text);
            }
        }
        let Some(directory) = &new.ports_file_dir else { return };
        let path = PortsFile::path_in(directory, Path::new(self.argv0));
        let shown = path.display().to_string();
        match PortsFile::write(path, &ports(server, new)) {
            Ok(ports) => *self.ports = Some(ports),
            Err(error) => {
                let why = process::os_error(&error);
                let text = format_args!("Error writing ports file ({shown}): open {shown}: {why}");
                self.log.error(text);
            }
        }
    }
}

/// Lame duck mode until the last client is gone, with its one log line in between.
async fn leave(server: &mut Server, grace: Duration, total: Duration, log: &Logger) {
    let begun = Instant::now();
    let closing = || log.info(format_args!("Closing existing clients"));
    let mut leaving = std::pin::pin!(server.lame_duck(grace, total));
    tokio::select! {
        () = &mut leaving => {
            // The last client went in the very moment the grace period ended.
            if begun.elapsed() >= grace {
                closing();
            }
        }
        () = tokio::time::sleep(grace) => {
            closing();
            leaving.await;
        }
    }
}
