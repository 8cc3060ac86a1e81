//! What all shards together know.

use std::sync::{Arc, Mutex, PoisonError};

use nervure_core::shard::Shard;
use tokio::sync::mpsc;

use crate::server::shard_loop::Command;

/// A look at a shard, on its thread.
pub(in crate::server) type Look = Box<dyn FnOnce(&Shard) + Send>;

/// What was seen so far. Goes on to `then` when nobody looks any more, be it that a shard has
/// ended.
struct Survey<T, F: FnOnce(Vec<T>)> {
    seen: Mutex<Vec<T>>,
    then: Option<F>,
}

impl<T, F: FnOnce(Vec<T>)> Drop for Survey<T, F> {
    fn drop(&mut self) {
        let seen = std::mem::take(self.seen.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(then) = self.then.take() {
            then(seen);
        }
    }
}

/// Looks at every shard, then hands over what was seen, in no order.
pub(super) fn survey<T: Send + 'static>(
    shards: &[mpsc::UnboundedSender<Command>],
    look: impl Fn(&Shard) -> T + Send + Sync + 'static,
    then: impl FnOnce(Vec<T>) + Send + Sync + 'static,
) {
    let (look, seen) = (Arc::new(look), Mutex::default());
    let survey = Arc::new(Survey { seen, then: Some(then) });
    for shard in shards {
        let (look, survey) = (look.clone(), survey.clone());
        let look: Look = Box::new(move |shard| {
            let found = look(shard);
            survey.seen.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        });
        // One that has ended has nothing to show.
        let _ = shard.send(Command::Look(look));
    }
}
