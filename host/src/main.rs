//! The `nervure` binary: command line in, server up, signals obeyed.

use std::process::ExitCode;

use nervure::cli::{self, Command};
use nervure::log::{Level, Logger};
use nervure::options::Options;
use nervure::server::{COMPATIBLE_VERSION, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    let program = program();
    match cli::parse(std::env::args().skip(1)) {
        Ok(Command::Version) => {
            println!("{program}: v{COMPATIBLE_VERSION}");
            ExitCode::SUCCESS
        }
        Ok(Command::Help) => {
            println!("{}", cli::usage(&program));
            ExitCode::SUCCESS
        }
        Ok(Command::Check(options)) => {
            let file = options.config_file.unwrap_or_default();
            eprintln!("{program}: configuration file {} is valid", file.display());
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => run(&program, *options),
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The name the binary was started under: as `nats-server` it is taken for one.
fn program() -> String {
    let name = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = name.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    name.unwrap_or("nervure").to_owned()
}

fn run(program: &str, options: Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let log = Logger::new(&options.log);
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve(program, options, &log)),
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.write(Level::Fatal, format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(
    program: &str,
    options: Options,
    log: &Logger,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut signals = Signals::new()?;
    log.info(format_args!("Starting {program}"));
    log.info(format_args!("  Version:  {COMPATIBLE_VERSION}"));
    if let Some(file) = &options.pid_file {
        std::fs::write(file, std::process::id().to_string()).map_err(|error| {
            format!("Could not write pidfile: open {}: {error}", file.display())
        })?;
    }
    for warning in &options.not_yet {
        log.write(Level::Warning, format_args!("{warning}"));
    }
    let (grace, total) = (options.lame_duck_grace_period, options.lame_duck_duration);
    let host = options.listen.host.clone();
    let websocket = options.websocket.as_ref().map(|ws| (ws.listen.host.clone(), ws.tls.is_some()));
    let (tls, allow_non_tls) = (options.tls.is_some(), options.allow_non_tls);
    let http = options.http.as_ref().map(|http| http.host.clone());
    let config_file = options.config_file.clone();
    let mut server = Server::builder().options(options).log(log.clone()).start().await?;
    log.info(format_args!("  Name:     {}", server.info().server_name));
    log.info(format_args!("  ID:       {}", server.info().server_id));
    if let (Some(host), Some(address)) = (http, server.http_address()) {
        let (host, port) = (bracketed(&host), address.port());
        log.info(format_args!("Starting http monitor on {host}:{port}"));
    }
    if let (Some((host, secure)), Some(address)) = (websocket, server.websocket_address()) {
        let scheme = if secure { "wss" } else { "ws" };
        let (host, port) = (bracketed(&host), address.port());
        log.info(format_args!("Listening for websocket clients on {scheme}://{host}:{port}"));
        if !secure {
            let warning = "Websocket not configured with TLS. DO NOT USE IN PRODUCTION!";
            log.write(Level::Warning, format_args!("{warning}"));
        }
    }
    let (host, port) = (bracketed(&host), server.address().port());
    log.info(format_args!("Listening for client connections on {host}:{port}"));
    if tls {
        let how = if allow_non_tls { "available" } else { "required" };
        log.info(format_args!("TLS {how} for client connections"));
    }
    log.info(format_args!("Server is ready"));
    let name = loop {
        match signals.next().await {
            HANGUP => {
                log.info(format_args!("Trapped \"{HANGUP}\" signal"));
                reload(config_file.as_deref(), &server, log);
            }
            name => break name,
        }
    };
    log.info(format_args!("Trapped \"{name}\" signal"));
    if name == LAME_DUCK {
        log.info(format_args!("Entering lame duck mode, stop accepting new clients"));
        tokio::select! {
            () = server.lame_duck(grace, total) => {}
            () = signals.interrupted() => {}
        }
    }
    log.info(format_args!("Initiating Shutdown..."));
    server.shutdown().await;
    log.info(format_args!("Server Exiting.."));
    Ok(())
}

/// An IPv6 address in the brackets that keep it apart from a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Reads the command line and the file again. What only a restart can change stays as it is.
fn reload(file: Option<&std::path::Path>, server: &Server, log: &Logger) {
    let failed = |text: &dyn std::fmt::Display| {
        let what = "Failed to reload server configuration";
        log.write(Level::Error, format_args!("{what}: {text}"));
    };
    if file.is_none() {
        let text = "can only reload config when a file is provided using -c or --config";
        return failed(&text);
    }
    match cli::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => {
            server.reconfigure(&options);
            log.info(format_args!("Reloaded server configuration"));
        }
        Ok(_) => {}
        Err(error) => failed(&error),
    }
}

/// What SIGHUP is called in the log.
const HANGUP: &str = "hangup";

/// What SIGUSR2 is called in the log.
const LAME_DUCK: &str = "user defined signal 2";

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    lame_duck: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            lame_duck: signal(SignalKind::user_defined2())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal, and names it.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminated",
            _ = self.lame_duck.recv() => LAME_DUCK,
            _ = self.hangup.recv() => HANGUP,
        }
    }

    /// Only an interrupt ends lame duck mode early.
    async fn interrupted(&mut self) {
        self.interrupt.recv().await;
    }
}
