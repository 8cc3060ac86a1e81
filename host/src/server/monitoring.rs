//! The monitoring listener: where it is and whether it speaks TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::monitor::Monitor;
use crate::net::listen::{self, ListenError};
use crate::net::tls::{TlsConfigError, TlsServer};
use crate::options::{Listen, Options, TlsOptions};

/// Why monitoring cannot be served. The texts are nats-server's (observed on nats-server 2.15.1).
#[derive(Debug, Error)]
pub enum MonitoringError {
    /// There is one monitoring listener, so it is either plain or TLS.
    #[error("can't specify both HTTP ({}) and HTTPs ({}) ports", shown(*.http), shown(*.https))]
    Both {
        /// The plain port as configured.
        http: u16,
        /// The TLS port as configured.
        https: u16,
    },
    /// The certificate is that of the `tls` block.
    #[error("TLS cert and key required for HTTPS")]
    NoCertificate,
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// The port cannot be listened on.
    #[error("can't listen to the monitor port: {0}")]
    Listen(#[from] ListenError),
    /// The system refused the listener to the runtime.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// A port as files and flags spell it.
fn shown(port: u16) -> i32 {
    if port == 0 { -1 } else { i32::from(port) }
}

/// A monitoring listener that is bound.
pub(super) struct Monitoring {
    listener: TcpListener,
    /// What a reload puts another certificate into.
    pub(super) tls: Option<watch::Sender<Arc<TlsServer>>>,
    pub(super) address: SocketAddr,
}

impl Monitoring {
    /// The listener that the options ask for, if they do.
    pub(super) fn bind(options: &Options) -> Result<Option<Self>, MonitoringError> {
        let (listen, tls) = match (&options.http, &options.https) {
            (None, None) => return Ok(None),
            (Some(http), Some(https)) => {
                return Err(MonitoringError::Both { http: http.port, https: https.port });
            }
            (Some(http), None) => (http, None),
            (None, Some(https)) => (https, Some(tls(options)?)),
        };
        Ok(Some(Self::listen(listen, tls)?))
    }

    fn listen(listen: &Listen, tls: Option<Arc<TlsServer>>) -> Result<Self, MonitoringError> {
        let listener = TcpListener::from_std(listen::bind(listen)?)?;
        let address = listener.local_addr()?;
        let tls = tls.map(watch::Sender::new);
        Ok(Self { listener, tls, address })
    }

    /// Serves it in a task of its own.
    pub(super) fn serve(self, monitor: Monitor) -> tokio::task::JoinHandle<()> {
        let tls = self.tls.as_ref().map(watch::Sender::subscribe);
        tokio::spawn(Arc::new(monitor).serve(self.listener, tls))
    }
}

/// The `tls` block for monitoring: nobody is asked for a certificate, whatever clients are
/// (observed on nats-server 2.15.1).
pub(super) fn tls(options: &Options) -> Result<Arc<TlsServer>, MonitoringError> {
    let tls = options.tls.as_ref().ok_or(MonitoringError::NoCertificate)?;
    Ok(TlsServer::from_options(&TlsOptions {
        verify: false,
        pinned_certs: Vec::new(),
        connection_rate_limit: 0,
        ..tls.clone()
    })?)
}
