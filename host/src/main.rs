//! The `nervure` binary: command line in, server up, signals obeyed.

use std::ffi::OsString;
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
        Command::Signal { command, target } => {
            process::send_signal(program, &command, &target).map_err(|error| error.to_string())
        }
        Command::CheckConfig(flags) => check(program, &flags),
        Command::Run(flags) => options(&flags).and_then(|options| run(&argv0, &flags, options)),
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

#[expect(clippy::print_stdout, reason = "what was asked for goes to standard output")]
fn say(text: &str) -> Result<(), String> {
    print!("{text}");
    Ok(())
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

/// Defaults, then the file, then the flags.
fn options(flags: &Flags) -> Result<Options, String> {
    let mut options = match &flags.config {
        Some(file) => {
            let loaded = config::load(file).map_err(|error| error.to_string())?;
            loaded.warnings.iter().for_each(|warning| eprintln!("{warning}"));
            loaded.options
        }
        None => Options::default(),
    };
    flags.apply(&mut options).map_err(|error| error.to_string())?;
    config::validate(&options).map_err(|error| error.to_string())?;
    Ok(options)
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
        process::write_pid_file(file).map_err(|error| {
            let text = process::os_error(&error);
            format!("Could not write pidfile: open {}: {text}", file.display())
        })?;
    }
    let mut server = Server::builder().options(options.clone()).log(log.clone()).start().await?;
    announce(&server, &options, log);
    let ports = match &options.ports_file_dir {
        Some(directory) => {
            let path = PortsFile::path_in(directory, Path::new(argv0));
            Some(PortsFile::write(path, &ports(&server, &options))?)
        }
        None => None,
    };
    obey(&mut signals, &mut server, flags, &options, log).await;
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
    if let (Some(http), Some(address)) = (&options.http, server.http_address()) {
        let host = bracketed(http);
        log.info(format_args!("Starting http monitor on {host}:{}", address.port()));
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
        monitoring: server.http_address().map(|addr| address("http", addr)),
        cluster: None,
        profile: None,
        websocket: server.websocket_address().map(|addr| address(secure(wss, "wss", "ws"), addr)),
    }
}

/// Obeys signals until one of them ends the server.
async fn obey(
    signals: &mut Signals,
    server: &mut Server,
    flags: &Flags,
    options: &Options,
    log: &Logger,
) {
    loop {
        let signal = signals.next().await;
        log.info(format_args!("Trapped \"{}\" signal", signal.name()));
        match signal {
            Signal::Interrupt | Signal::Terminate => return,
            Signal::Reopen => log.reopen(),
            Signal::Reload => reload(server, flags, log),
            Signal::LameDuck => {
                log.info(format_args!("Entering lame duck mode, stop accepting new clients"));
                let (grace, total) = (options.lame_duck_grace_period, options.lame_duck_duration);
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

/// Reads the file again, under the same flags.
fn reload(server: &Server, flags: &Flags, log: &Logger) {
    let failed = |text: &str| {
        log.error(format_args!("Failed to reload server configuration: {text}"));
    };
    if flags.config.is_none() {
        return failed("can only reload config when a file is provided using -c or --config");
    }
    match options(flags) {
        Ok(options) => match log.set_options(&options.log) {
            Ok(()) => {
                server.reconfigure(&options);
                let digest = &options.config_digest;
                log.info(format_args!("Reloaded server configuration ({digest})"));
            }
            Err(error) => failed(&error.to_string()),
        },
        Err(text) => failed(text.trim_end()),
    }
}
