//! Auth callouts on their way: from the shard to the workers that make the request, back to the
//! shard that publishes it, and what came of it to the workers again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nervure_core::auth::{Answer, CallId, Delegated};
use nervure_core::shard::{OwnMessage, OwnResponse};

use super::connection::find;
use super::{Command, Driver};
use crate::net::Conn;
use crate::server::callout::{AuthService, Judged, Place, Request, TlsFacts, unix_now};
use crate::server::in_force::LookUp;

/// How long workers may take over an answer that came in time.
const JUDGING: Duration = Duration::from_millis(400);

/// Set in the numbers of requests that are callouts.
const OURS: u64 = 1 << 63;

/// A request that is made, and for whom.
pub(in super::super) struct Callout {
    call: CallId,
    service: Arc<AuthService>,
    request: Request,
    began: Instant,
    deadline: Instant,
}

/// The callouts of one shard.
#[derive(Default)]
pub(super) struct Callouts {
    /// The service that decides, if there is one.
    pub(super) service: RefCell<Option<Arc<AuthService>>>,
    /// Those that wait for an answer, by the number of the request.
    open: RefCell<HashMap<u64, Box<Callout>>>,
    last: Cell<u64>,
}

impl Callouts {
    pub(super) fn of(service: Option<Arc<AuthService>>) -> Self {
        Self { service: RefCell::new(service), ..Self::default() }
    }
}

impl Driver {
    /// Has a service asked about a client.
    pub(super) fn ask_service(&self, call: CallId, delegated: Delegated, deadline: Instant) {
        let Some(service) = self.callouts.service.borrow().clone() else {
            let why = "no auth callout is configured any more".to_owned();
            return self.tell(Command::Answer(call, Answer::Refuse(why)));
        };
        let tls = find(&self.connections.borrow(), call.link).and_then(|connection| {
            let conn = connection.conn.borrow();
            conn.as_ref().and_then(Conn::tls_session).map(TlsFacts::of)
        });
        let Some(to) = self.sender() else { return };
        let (began, stats) = (Instant::now(), service.clone());
        let make = move || {
            let command = match service.request(delegated, tls, unix_now()) {
                Ok(request) => {
                    let callout = Callout { call, service, request, began, deadline };
                    Command::Callout(Box::new(callout))
                }
                Err(why) => Command::Answer(call, service.refuse(why)),
            };
            // A shard that has ended asks nobody.
            let _ = to.send(command);
        };
        if self.around.workers.run(deadline, make).is_err() {
            stats.stats().overloaded();
            self.tell(Command::Answer(call, Answer::Overloaded));
        }
    }

    /// Publishes a request.
    pub(super) fn call_out(&self, callout: Box<Callout>) {
        let account = callout.request.account();
        let Some(account) = self.shard.borrow().settings().accounts.named(account) else {
            let why =
                format!("No valid account {account:?} for auth callout request: account missing");
            let answer = callout.service.refuse(why);
            return self.tell(Command::Answer(callout.call, answer));
        };
        let last = self.callouts.last.get() + 1;
        self.callouts.last.set(last);
        let number = last | OURS;
        let left = callout.deadline.saturating_duration_since(Instant::now());
        let (header, payload) = (callout.request.header.clone(), callout.request.payload.clone());
        self.callouts.open.borrow_mut().insert(number, callout);
        let message = OwnMessage {
            account,
            subject: nervure_core::auth::callout::SUBJECT.as_bytes(),
            header: &header,
            payload: &payload,
        };
        self.shard.borrow_mut().request(self.now(), number, message, left);
    }

    /// What came of a request. Gives back the response to one that is no callout.
    pub(super) fn called_out(
        &self,
        number: u64,
        response: Option<Box<OwnResponse>>,
    ) -> Option<Option<Box<OwnResponse>>> {
        if number & OURS == 0 {
            return Some(response);
        }
        let callout = self.callouts.open.borrow_mut().remove(&number);
        if let Some(callout) = callout {
            match response {
                Some(response) => self.have_judged(callout, response, false),
                None => {
                    let Callout { call, service, request, began, .. } = *callout;
                    let answer = service.without_answer(&request, began);
                    self.tell(Command::Answer(call, answer));
                }
            }
        }
        None
    }

    /// Has a response judged, the account that it names having been looked up or not.
    pub(super) fn have_judged(
        &self,
        callout: Box<Callout>,
        response: Box<OwnResponse>,
        looked_up: bool,
    ) {
        let Some(to) = self.sender() else { return };
        let (call, stats) = (callout.call, callout.service.clone());
        let settings = self.shard.borrow().settings().clone();
        let look_ups = self.around.look_ups.clone();
        let judge = move || {
            let Callout { service, request, began, .. } = &*callout;
            let place = Place { accounts: &settings.accounts, looked_up };
            // A shard that has ended needs no answers, and asks for no accounts.
            match service.answer(request, &response.payload, place, *began) {
                Judged::Answer(answer) => drop(to.send(Command::Answer(call, answer))),
                Judged::Unknown(account) => {
                    let reply = Box::new(move |_| {
                        let _ = to.send(Command::LookedUp(callout, response));
                    });
                    let _ = look_ups.send(LookUp { account, reply });
                }
            }
        };
        if self.around.workers.run(Instant::now() + JUDGING, judge).is_err() {
            stats.stats().overloaded();
            self.tell(Command::Answer(call, Answer::Overloaded));
        }
    }

    /// Tells this very shard something, once it is done with what it does.
    pub(super) fn tell(&self, command: Command) {
        if let Some(to) = self.sender() {
            // It fails when this shard ends.
            let _ = to.send(command);
        }
    }

    pub(super) fn sender(&self) -> Option<tokio::sync::mpsc::UnboundedSender<Command>> {
        self.around.siblings.get(usize::from(self.around.id.0)).cloned()
    }
}
