//! What the system account asks about account JWTs: the subjects, and the task that answers
//! (reference security 6.5).
//!
//! A request waits for the disk, so a shard only puts it into a queue. It is answered one after
//! another, in the order in which they came: of two updates of an account the later one stays.

use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::{AccountId, Reach};
use nervure_core::auth::jwt::{AccountClaims, OperatorClaims};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Call, OwnRequest, Publication, Reply, Services, Speaker};
use crate::log::Logger;
use crate::resolver::claims::{Accounts, Claims, Request, Response};
use crate::resolver::{self, Resolver};
use crate::server::in_force::InForce;
use crate::server::shard_loop::Command;
use crate::server::status::Status;

/// Requests that may wait. Those beyond go unanswered, as if they had been lost on the way.
const QUEUE: usize = 256;

/// A request that waits.
struct Asked {
    request: Request,
    subject: Box<[u8]>,
    payload: Box<[u8]>,
    reply: Option<Reply>,
}

/// Who attends to a resolver beside the shards: answers requests, and keeps what it has in order.
pub(in crate::server) struct Attendant {
    resolver: Arc<Resolver>,
    speaker: Arc<Speaker>,
    asked: mpsc::Receiver<Asked>,
    log: Logger,
}

impl Attendant {
    /// Adds the services; they are answered once it [attends](Self::attend).
    pub(in crate::server) fn add_to(
        services: &mut Services,
        resolver: Arc<Resolver>,
        speaker: &Arc<Speaker>,
        log: &Logger,
    ) -> Self {
        let (queue, asked) = mpsc::channel(QUEUE);
        for (subject, request) in resolver.store().subjects() {
            let queue = queue.clone();
            services.add(subject, Reach::SystemAccount, move |call: Call<'_>| {
                let (subject, payload) =
                    (call.message.subject.clone(), call.message.payload.clone());
                let _ = queue.try_send(Asked { request, subject, payload, reply: call.reply });
            });
        }
        Self { resolver, speaker: speaker.clone(), asked, log: log.clone() }
    }

    /// Begins, with tasks that do not end by themselves.
    pub(in crate::server) fn attend(
        self,
        in_force: &Arc<InForce>,
        shards: &[mpsc::UnboundedSender<Command>],
    ) -> Vec<JoinHandle<()>> {
        let (resolver, log) = (self.resolver.clone(), self.log.clone());
        if let (Some(system), Some(shard)) = (in_force.settings().accounts.system(), shards.first())
        {
            resolver.meet(ask_others(system, shard.clone()));
        }
        let mut tasks = vec![tokio::spawn(resolver.tidy(log))];
        if let Some(system) = self.speaker.status.options().named_system_account() {
            let in_force = in_force.clone();
            tasks.push(tokio::spawn(in_force.await_system_account(system.to_owned())));
        }
        tasks.push(tokio::spawn(self.answer(in_force.clone())));
        tasks
    }

    /// Answers until nobody can ask any more.
    async fn answer(self, in_force: Arc<InForce>) {
        let Self { resolver, speaker, mut asked, log } = self;
        let (status, runtime) = (speaker.status.clone(), Handle::current());
        let accounts = Vouched { in_force, status, runtime, log: log.clone() };
        let claims = Arc::new(Claims::new(resolver.store(), Arc::new(accounts)));
        while let Some(Asked { request, subject, payload, reply }) = asked.recv().await {
            let claims = claims.clone();
            let answer = move || {
                let subject = String::from_utf8_lossy(&subject);
                claims.answer(request, &subject, &payload, resolver::now())
            };
            // It neither panics nor is cancelled.
            let Ok(response) = tokio::task::spawn_blocking(answer).await else { continue };
            report(&response, &log);
            let Some(reply) = reply else { continue };
            for payload in response.payloads(&speaker.card()) {
                reply.clone().send(payload);
            }
        }
    }
}

fn report(response: &Response, log: &Logger) {
    match response {
        Response::Silence(why) => log.error(format_args!("{why}")),
        Response::Outcome(outcome) if outcome.error.is_some() => {
            log.error(format_args!("{}", outcome.log_line()));
        }
        Response::Outcome(outcome) => log.debug(format_args!("{}", outcome.log_line())),
        Response::Plain(_) | Response::List(_) => {}
    }
}

/// The accounts in force, for requests. Lives on threads that may wait.
struct Vouched {
    in_force: Arc<InForce>,
    status: Arc<Status>,
    runtime: Handle,
    log: Logger,
}

impl Accounts for Vouched {
    fn is_in_use(&self, account: &str) -> bool {
        self.in_force.is_in_force(account)
    }

    fn replace(&self, token: &str, claims: &AccountClaims) -> Result<(), String> {
        let taken = self.runtime.block_on(self.in_force.take(&claims.sub, token));
        taken.map(drop).map_err(|why| {
            self.log.error(format_args!("account {}: {why}", claims.sub));
            "account validation failed".to_owned()
        })
    }

    fn close(&self, account: &str) {
        self.runtime.block_on(self.in_force.drop_account(account));
    }

    fn is_system(&self, account: &str) -> bool {
        self.status.options().named_system_account() == Some(account)
    }

    fn is_trusted(&self, key: &str) -> bool {
        let options = self.status.options().operators;
        options.trusted_keys.iter().any(|trusted| trusted == key)
            || options.operators.iter().any(|operator| {
                let own = !operator.nats.strict_signing_key_usage && operator.sub == key;
                own || operator.nats.signing_keys.iter().any(|trusted| trusted == key)
            })
    }

    fn is_strict_operator(&self, key: &str) -> bool {
        let is_it = |operator: &OperatorClaims| {
            operator.nats.strict_signing_key_usage && operator.sub == key
        };
        self.status.options().operators.operators.iter().any(is_it)
    }
}

/// Asks whoever else has account JWTs, in the system account `system` (reference security 6.6).
fn ask_others(
    system: AccountId,
    shard: mpsc::UnboundedSender<Command>,
) -> Box<resolver::AskOthers> {
    let ask = move |account: &str, timeout: Duration, done: oneshot::Sender<_>| {
        let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP").into_bytes().into();
        let (header, payload) = (Vec::new(), Vec::new());
        let publication = Publication { account: system, subject, header, payload };
        // A shard that has ended asks nobody; then nobody waits for the answer, either.
        let _ = shard.send(Command::Request(OwnRequest { publication, timeout, done }));
    };
    Box::new(ask)
}
