//! What the system account asks about account JWTs: the subjects, and the task that answers
//! (reference security 6.5).
//!
//! A request waits for the disk, so a shard only puts it into a queue. It is answered one after
//! another, in the order in which they came: of two updates of an account the later one stays.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nervure_core::account::Reach;
use tokio::sync::mpsc;

use super::{Call, Reply, Services, Speaker};
use crate::log::Logger;
use crate::resolver::claims::{Claims, Request, Response};

/// Requests that may wait. Those beyond go unanswered, as if they had been lost on the way.
const QUEUE: usize = 256;

/// A request that waits.
struct Asked {
    request: Request,
    subject: Box<[u8]>,
    payload: Box<[u8]>,
    reply: Option<Reply>,
}

/// Answers the requests.
pub(in crate::server) struct Answerer {
    claims: Arc<Claims>,
    speaker: Arc<Speaker>,
    asked: mpsc::Receiver<Asked>,
    log: Logger,
}

/// Adds these services; they are answered while [`Answerer::run`] runs.
pub(in crate::server) fn add_to(
    services: &mut Services,
    claims: Claims,
    speaker: &Arc<Speaker>,
    log: &Logger,
) -> Answerer {
    let (queue, asked) = mpsc::channel(QUEUE);
    for (subject, request) in claims.subjects() {
        let queue = queue.clone();
        services.add(subject, Reach::SystemAccount, move |call: Call<'_>| {
            let (subject, payload) = (call.message.subject.clone(), call.message.payload.clone());
            let _ = queue.try_send(Asked { request, subject, payload, reply: call.reply });
        });
    }
    let (claims, speaker, log) = (Arc::new(claims), speaker.clone(), log.clone());
    Answerer { claims, speaker, asked, log }
}

impl Answerer {
    /// Answers until nobody can ask any more.
    pub(in crate::server) async fn run(mut self) {
        while let Some(Asked { request, subject, payload, reply }) = self.asked.recv().await {
            let claims = self.claims.clone();
            let answer = move || {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let subject = String::from_utf8_lossy(&subject);
                claims.answer(request, &subject, &payload, now.unwrap_or(Duration::ZERO))
            };
            // It neither panics nor is cancelled.
            let Ok(response) = tokio::task::spawn_blocking(answer).await else { continue };
            self.report(&response);
            let Some(reply) = reply else { continue };
            for payload in response.payloads(&self.speaker.card()) {
                reply.clone().send(payload);
            }
        }
    }

    fn report(&self, response: &Response) {
        match response {
            Response::Silence(why) => self.log.error(format_args!("{why}")),
            Response::Outcome(outcome) if outcome.error.is_some() => {
                self.log.error(format_args!("{}", outcome.log_line()));
            }
            Response::Outcome(outcome) => self.log.debug(format_args!("{}", outcome.log_line())),
            Response::Plain(_) | Response::List(_) => {}
        }
    }
}
