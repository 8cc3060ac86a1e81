//! A reload: other [`Options`] come into force while the server runs, all of them or none
//! (reference config-and-operations 3.10 and 3.11).
//!
//! Everything that can fail is done before anything is changed. Then the listeners' [`Gate`]s are
//! replaced, so that new connections meet the new INFO and certificates, and each shard gets the
//! new settings; what those mean for open links is the core's.

mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use nervure_core::wire::ServerInfo;

use super::callout::{Around, AuthService};
use super::gate::Gate;
use super::{Server, StartError, describe, monitoring, settings};
use crate::log::OpenError;
use crate::options::Options;

/// Why a reload was refused. Nothing has changed then. Displays nats-server's text.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// An option differs that cannot change while the server runs.
    #[error("config reload not supported for {name}: old={old}, new={new}")]
    Fixed {
        /// nats-server's internal name of the option.
        name: &'static str,
        /// The value in force.
        old: String,
        /// The value refused.
        new: String,
    },
    /// A listener cannot be had this way; most likely a certificate cannot be read.
    #[error(transparent)]
    Listener(#[from] StartError),
    /// The new log file cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
}

impl Server {
    /// Puts `options` into force and logs what they change. Certificates are read again in any
    /// case. A port that is left to the system stays the one it has chosen. Returns when every
    /// shard obeys.
    ///
    /// # Errors
    ///
    /// See [`ReloadError`]; the old options stay in force.
    pub async fn reconfigure(&mut self, options: &Options) -> Result<(), ReloadError> {
        let old = self.status.options();
        let mut options = options.clone();
        keep_ports(&old, &mut options);
        if let Some(error) = table::refusal(&old, &options) {
            return Err(error);
        }
        let info = describe(&self.info(), &options, self.address.port());
        let tcp = Arc::new(Gate::tcp(&options, &info, &self.log)?);
        let websocket = match &options.websocket {
            Some(websocket) => {
                Some(Arc::new(Gate::websocket(&options, websocket, &info, &self.log)?))
            }
            None => None,
        };
        let monitoring = match &self.monitoring_tls {
            Some(_) => Some(monitoring::tls(&options).map_err(StartError::from)?),
            None => None,
        };
        let log = match old.log == options.log {
            true => None,
            false => Some(self.log.prepare(&options.log)?),
        };
        let settings =
            settings(&self.shared, &options, &info, self.epoch).map_err(StartError::from)?;
        // From here on nothing fails.
        let pins = pins_changed(&old, &options).then(|| tcp.tls.clone()).flatten();
        self.tcp_gate.send_replace(tcp);
        if let (Some(sender), Some(gate)) = (&self.websocket_gate, websocket) {
            sender.send_replace(gate);
        }
        if let (Some(sender), Some(tls)) = (&self.monitoring_tls, monitoring) {
            sender.send_replace(tls);
        }
        let service = self.service(&old, &options, &info);
        self.in_force.replace(settings, &options, pins, service.clone()).await;
        table::lines(&old, &options).for_each(|line| self.log.info(format_args!("{line}")));
        if let Some(log) = log {
            log.commit();
        }
        self.status.change(|changing| {
            changing.options = options;
            changing.info = Arc::new(info);
            changing.loaded = SystemTime::now();
            changing.callout_cache = service.and_then(|service| service.cache());
        });
        Ok(())
    }

    /// The service that decides who may come in from now on.
    fn service(
        &self,
        old: &Options,
        options: &Options,
        info: &ServerInfo,
    ) -> Option<Arc<AuthService>> {
        let stats = &self.status.callout_stats;
        let around = Around { info, keys: &self.keys, stats, log: &self.log };
        let before = old.auth.callout.as_ref().map(|old| (old, self.status.callout_cache()));
        AuthService::new(options, &around, before).map(Arc::new)
    }
}

/// A port that is left to the system is the one it has chosen at the start.
fn keep_ports(old: &Options, new: &mut Options) {
    if new.listen.port == 0 {
        new.listen.port = old.listen.port;
    }
    if let (Some(old), Some(new)) = (&old.websocket, &mut new.websocket)
        && new.listen.port == 0
    {
        new.listen.port = old.listen.port;
    }
}

fn pins_changed(old: &Options, new: &Options) -> bool {
    let pins = |options: &Options| options.tls.as_ref().map(|tls| tls.pinned_certs.clone());
    pins(old) != pins(new)
}
