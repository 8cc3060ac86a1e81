//! What clients live through when their server goes away: restarts and lame duck mode.

use std::{io::ErrorKind, net::TcpStream};

use async_nats::Event;
use futures_util::StreamExt;

use crate::{
    broker::Broker,
    peers::{Transport, connect, connect_watched, options, sync, take},
};

over!(
    [tcp, tls, ws, wss],
    [
        clients_reconnect_after_an_orderly_stop_and_a_start,
        clients_reconnect_after_a_kill_and_a_start,
        lame_duck_is_announced_then_clients_go_one_by_one,
    ]
);

async fn clients_reconnect_after_an_orderly_stop_and_a_start(transport: Transport) {
    clients_reconnect(transport, "INT").await;
}

async fn clients_reconnect_after_a_kill_and_a_start(transport: Transport) {
    clients_reconnect(transport, "KILL").await;
}

async fn clients_reconnect(transport: Transport, signal: &str) {
    let mut broker = Broker::start(transport, "").await;
    let (subscriber, mut events) = connect_watched(&broker, transport, options()).await;
    events.until(|event| matches!(event, Event::Connected)).await;
    let mut plain = subscriber.subscribe("life.*").await.unwrap();
    let mut queue = subscriber.queue_subscribe("life.a", "workers".into()).await.unwrap();
    let mut requests = subscriber.subscribe("life.ask.me").await.unwrap();
    sync(&subscriber).await;
    let responder = subscriber.clone();
    let answering = tokio::spawn(async move {
        let request = requests.next().await.unwrap();
        responder.publish(request.reply.unwrap(), "still here".into()).await.unwrap();
    });

    broker.restart(signal).await;
    events.until(|event| matches!(event, Event::Disconnected)).await;
    events.until(|event| matches!(event, Event::Connected)).await;

    sync(&subscriber).await;
    let publisher = connect(&broker, transport).await;
    publisher.publish("life.a", "after".into()).await.unwrap();
    assert_eq!(take(&mut plain, 1).await, [b"after".to_vec()]);
    assert_eq!(take(&mut queue, 1).await, [b"after".to_vec()]);
    assert_eq!(publisher.request("life.ask.me", "".into()).await.unwrap().payload, "still here");
    answering.await.unwrap();
}

async fn lame_duck_is_announced_then_clients_go_one_by_one(transport: Transport) {
    let settings = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n";
    let mut broker = Broker::start(transport, settings).await;
    let (listener, mut listener_events) = connect_watched(&broker, transport, options()).await;
    let (speaker, mut speaker_events) = connect_watched(&broker, transport, options()).await;
    let mut subscription = listener.subscribe("pond").await.unwrap();
    sync(&listener).await;

    broker.signal("USR2");
    for events in [&mut listener_events, &mut speaker_events] {
        events.until(|event| matches!(event, Event::LameDuckMode)).await;
    }
    let late = TcpStream::connect(broker.client_address());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    speaker.publish("pond", "within the grace period".into()).await.unwrap();
    assert_eq!(take(&mut subscription, 1).await, [b"within the grace period".to_vec()]);

    for events in [&mut listener_events, &mut speaker_events] {
        events.until(|event| matches!(event, Event::Disconnected)).await;
    }
    assert_eq!(broker.wait().code(), Some(0));
}
