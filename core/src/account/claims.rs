//! What the claims of an account declare (reference security 4.4 to 4.6).

use core::time::Duration;
use std::sync::Arc;

use super::{
    AccountLimits, Declaration, Export, ExportKind, Import, ImportKind, Latency, ResponseKind,
    Sampling, SenderIdentity, Service,
};
use crate::auth::jwt::login::TrustedAccount;
use crate::auth::jwt::{self, ActivationClaims};
use crate::subject::mappings::{Destination, Mapping, Mappings};

impl Declaration {
    /// What a trusted operator says of an account. Mappings are for a server in `cluster`; those
    /// that cannot be used are left out.
    pub fn of_claims(account: Arc<TrustedAccount>, cluster: &str) -> Self {
        let claims = account.claims();
        let nats = &claims.nats;
        let limits = &nats.limits;
        let count = |limit: i64| {
            // What does not fit is as good as no limit.
            u64::try_from(limit).ok().map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
        };
        let seconds = |at: i64| Duration::from_secs(u64::try_from(at).unwrap_or(0));
        let exports = nats.exports.iter().filter_map(export);
        let imports = nats.imports.iter().filter_map(import);
        // What cannot be made ready forbids nothing.
        let default_permissions = account.permissions(&nats.default_permissions).ok().flatten();
        Self {
            name: claims.sub.clone(),
            limits: AccountLimits {
                connections: count(limits.conn),
                subscriptions: count(limits.subs),
                payload: count(limits.payload),
                leafnodes: count(limits.leaf),
            },
            mappings: mappings(nats, cluster),
            expires: account.expires_at().map(seconds),
            sender_identity: SenderIdentity::default(),
            exports: exports.collect(),
            imports: imports.collect(),
            default_permissions,
            claims: Some(account),
        }
    }
}

fn export(export: &jwt::Export) -> Option<Export> {
    let kind = match export.kind? {
        jwt::ExportKind::Stream => ExportKind::Stream,
        jwt::ExportKind::Service => ExportKind::Service(service(export)),
    };
    Some(Export {
        subject: export.subject.clone(),
        kind,
        accounts: Vec::new(),
        account_token_position: Some(export.account_token_position).filter(|at| *at > 0),
        activation: export.token_req.then(|| export.revocations.clone()),
    })
}

fn service(export: &jwt::Export) -> Service {
    let latency = export.service_latency.as_ref().map(|latency| Latency {
        subject: latency.results.clone(),
        sampling: match latency.sampling {
            jwt::Sampling::Headers => Sampling::Headers,
            jwt::Sampling::Percent(percent) => {
                Sampling::Percent(u8::try_from(percent).unwrap_or(100).min(100))
            }
        },
    });
    let threshold = u64::try_from(export.response_threshold).ok().filter(|nanos| *nanos > 0);
    Service {
        response: match export.response_type {
            jwt::ResponseType::Singleton => ResponseKind::Singleton,
            jwt::ResponseType::Stream | jwt::ResponseType::Chunked => ResponseKind::Stream,
        },
        threshold: threshold.map_or(Service::default().threshold, Duration::from_nanos),
        latency,
    }
}

fn import(import: &jwt::Import) -> Option<Import> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let kind = match import.kind? {
        jwt::ExportKind::Stream => {
            let (prefix, to) = (given(&import.to), given(&import.local_subject));
            ImportKind::Stream { prefix, to }
        }
        jwt::ExportKind::Service => {
            let to = given(import.service_subject());
            ImportKind::Service { to, share: import.share }
        }
    };
    Some(Import {
        account: import.account.clone(),
        subject: import.exported_subject().to_owned(),
        kind,
        // One that cannot be read activates nothing.
        activation: ActivationClaims::decode(&import.token).ok().map(Arc::new),
    })
}

fn mappings(account: &jwt::Account, cluster: &str) -> Option<Arc<Mappings>> {
    let all: Vec<Mapping> = account
        .mappings
        .iter()
        .filter_map(|(source, destinations)| {
            let destinations = destinations.iter().map(|to| Destination {
                subject: to.subject.clone(),
                weight: if to.weight == 0 { 100 } else { to.weight },
                cluster: to.cluster.clone(),
            });
            Mapping::new(source, destinations).ok()
        })
        .collect();
    (!all.is_empty()).then(|| Arc::new(Mappings::new(&all, cluster)))
}
