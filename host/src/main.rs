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
    let mut server = Server::builder().options(options).log(log.clone()).start().await?;
    log.info(format_args!("  Name:     {}", server.info().server_name));
    log.info(format_args!("  ID:       {}", server.info().server_id));
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let port = server.address().port();
    log.info(format_args!("Listening for client connections on {host}:{port}"));
    log.info(format_args!("Server is ready"));
    let name = signals.stop_or_leave().await;
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

/// What SIGUSR2 is called in the log.
const LAME_DUCK: &str = "user defined signal 2";

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    lame_duck: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            lame_duck: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for a reason to end, and names it.
    async fn stop_or_leave(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminated",
            _ = self.lame_duck.recv() => LAME_DUCK,
        }
    }

    /// Only an interrupt ends lame duck mode early.
    async fn interrupted(&mut self) {
        self.interrupt.recv().await;
    }
}
