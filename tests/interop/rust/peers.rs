//! Clients of one server, and what the scenarios do with them again and again.

use std::{future::Future, time::Duration};

use async_nats::{Client, ConnectError, ConnectOptions, Event, Message, Subscriber};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::broker::{self, Broker};

/// How a client reaches the server. Spelled as in the names of the tests.
#[allow(non_camel_case_types, reason = "the names are module names of tests, too")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    tcp,
    tls,
    ws,
    wss,
}

impl Transport {
    /// Whether the bytes go through TLS.
    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Self::tls | Self::wss)
    }
}

/// Fails if `work` takes longer than this many seconds.
pub(crate) async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), work).await.expect("timed out")
}

/// Options that trust the test CA and show no certificate.
pub(crate) fn options() -> ConnectOptions {
    ConnectOptions::new()
        .connection_timeout(Duration::from_secs(5))
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .add_root_certificates(broker::certificates().join("ca.pem"))
}

/// Connects a client with `options`.
pub(crate) async fn try_connect(
    broker: &Broker,
    transport: Transport,
    options: ConnectOptions,
) -> Result<Client, ConnectError> {
    options.require_tls(transport == Transport::tls).connect(broker.url(transport)).await
}

/// Connects a client with the usual options.
pub(crate) async fn connect(broker: &Broker, transport: Transport) -> Client {
    try_connect(broker, transport, options()).await.unwrap()
}

/// Connects a client together with the stream of its events.
pub(crate) async fn connect_watched(
    broker: &Broker,
    transport: Transport,
    options: ConnectOptions,
) -> (Client, Events) {
    let (send, events) = mpsc::unbounded_channel();
    let options = options.event_callback(move |event| {
        let _ = send.send(event);
        async {}
    });
    (try_connect(broker, transport, options).await.unwrap(), Events(events))
}

/// What the client library reports about its connection, in order.
pub(crate) struct Events(mpsc::UnboundedReceiver<Event>);

impl Events {
    /// Skips to the first event that `wanted` accepts.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        within(5, async {
            loop {
                let event = self.0.recv().await.expect("client is gone");
                if wanted(&event) {
                    return event;
                }
            }
        })
        .await
    }
}

/// The next message.
pub(crate) async fn next(subscription: &mut Subscriber) -> Message {
    within(5, subscription.next()).await.expect("subscription ended")
}

/// The payloads of the next `count` messages.
pub(crate) async fn take(subscription: &mut Subscriber, count: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::with_capacity(count);
    for _ in 0..count {
        payloads.push(next(subscription).await.payload.to_vec());
    }
    payloads
}

/// The payloads of all that has been sent to `subscription` of `client`; ends the subscription.
pub(crate) async fn arrived(client: &Client, mut subscription: Subscriber) -> Vec<Vec<u8>> {
    sync(client).await;
    subscription.drain().await.unwrap();
    let messages = subscription.map(|message| message.payload.to_vec());
    within(5, messages.collect()).await
}

/// The payloads that the scenarios publish in bulk: the numbers below `count` as text.
pub(crate) fn numbers(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

/// Waits until the server has worked through everything that `client` sent so far.
///
/// `flush` of async-nats returns when the bytes are written. The answer to a request comes after
/// everything before it: here the server's own, that nobody responds.
pub(crate) async fn sync(client: &Client) {
    let answer = client.request("open.nobody.responds", "".into()).await;
    let error = answer.expect_err("a responder on a subject of ours");
    assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
}
