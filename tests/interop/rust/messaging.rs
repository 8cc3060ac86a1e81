//! Publishing, subscribing and requesting.

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::{Event, HeaderMap, PublishErrorKind, Request, RequestErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt, future};

use crate::{
    broker::Broker,
    peers::{
        Transport, arrived, connect, connect_watched, next, numbers, options, sync, take,
        try_connect, within,
    },
};

const MEBIBYTE: usize = 1024 * 1024;

over!(
    [tcp, tls, ws, wss],
    [
        publish_reaches_a_subscriber_of_the_subject_only,
        thousands_of_messages_arrive_in_order,
        wildcards_match_one_token_or_the_rest,
        request_gets_its_reply,
        scatter_gather_hears_every_responder,
        request_without_responders_fails_at_once,
        queue_group_shares_each_message_once_among_all_members,
        unsubscribe_after_a_limit_stops_delivery,
        headers_arrive_with_their_case_and_repeated_values,
        drain_handles_what_has_arrived_and_then_closes,
        payload_of_exactly_max_payload_passes_and_one_more_octet_does_not,
        binary_payloads_arrive_unchanged,
        utf8_subjects_are_routed_and_matched,
        no_echo_hides_own_messages_only,
    ]
);

async fn publish_reaches_a_subscriber_of_the_subject_only(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut wanted = subscriber.subscribe("case.a").await.unwrap();
    let other = subscriber.subscribe("case.b").await.unwrap();
    sync(&subscriber).await;
    publisher.publish_with_reply("case.a", "case.reply", "hello".into()).await.unwrap();
    let message = next(&mut wanted).await;
    assert_eq!(message.subject.as_str(), "case.a");
    assert_eq!(message.reply.as_deref(), Some("case.reply"));
    assert_eq!(message.payload, "hello");
    assert!(arrived(&subscriber, other).await.is_empty());
}

async fn thousands_of_messages_arrive_in_order(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut subscription = subscriber.subscribe("case").await.unwrap();
    sync(&subscriber).await;
    for number in numbers(5000) {
        publisher.publish("case", number.into()).await.unwrap();
    }
    assert_eq!(take(&mut subscription, 5000).await, numbers(5000));
}

async fn wildcards_match_one_token_or_the_rest(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut subscriptions = Vec::new();
    for pattern in ["case.*", "case.*.x", "case.a.>", "case.>"] {
        subscriptions.push(subscriber.subscribe(pattern).await.unwrap());
    }
    sync(&subscriber).await;
    for tail in ["a", "a.x", "b.x", "a.x.y"] {
        publisher.publish(format!("case.{tail}"), tail.into()).await.unwrap();
    }
    publisher.publish("case", "the prefix itself".into()).await.unwrap();
    sync(&publisher).await;
    let expected: [&[&str]; 4] =
        [&["a"], &["a.x", "b.x"], &["a.x", "a.x.y"], &["a", "a.x", "b.x", "a.x.y"]];
    for (subscription, expected) in subscriptions.into_iter().zip(expected) {
        assert_eq!(arrived(&subscriber, subscription).await, expected.map_bytes());
    }
}

/// Texts as payloads.
trait MapBytes {
    fn map_bytes(&self) -> Vec<Vec<u8>>;
}

impl MapBytes for [&str] {
    fn map_bytes(&self) -> Vec<Vec<u8>> {
        self.iter().map(|text| text.as_bytes().to_vec()).collect()
    }
}

async fn request_gets_its_reply(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let requester = connect(&broker, transport).await;
    let responder = connect(&broker, transport).await;
    let mut requests = responder.subscribe("case").await.unwrap();
    sync(&responder).await;
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let reversed: Vec<u8> = request.payload.iter().rev().copied().collect();
            responder.publish(request.reply.unwrap(), reversed.into()).await.unwrap();
        }
    });
    let ask = |body: Vec<u8>| requester.request("case", body.into());
    let replies = future::join_all(numbers(50).into_iter().map(ask)).await;
    for (reply, mut body) in replies.into_iter().zip(numbers(50)) {
        body.reverse();
        assert_eq!(reply.unwrap().payload, body);
    }
    answering.abort();
}

async fn scatter_gather_hears_every_responder(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let requester = connect(&broker, transport).await;
    for name in numbers(4) {
        let responder = connect(&broker, transport).await;
        let mut requests = responder.subscribe("case").await.unwrap();
        sync(&responder).await;
        tokio::spawn(async move {
            let request = requests.next().await.unwrap();
            responder.publish(request.reply.unwrap(), name.into()).await.unwrap();
            responder.flush().await.unwrap();
        });
    }
    let inbox = requester.new_inbox();
    let mut replies = requester.subscribe(inbox.clone()).await.unwrap();
    requester.publish_with_reply("case", inbox, "who is there?".into()).await.unwrap();
    let mut names = take(&mut replies, 4).await;
    names.sort();
    assert_eq!(names, numbers(4));
}

async fn request_without_responders_fails_at_once(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let requester = connect(&broker, transport).await;
    let answer = within(5, requester.request("case", "anybody?".into())).await;
    assert_eq!(answer.unwrap_err().kind(), RequestErrorKind::NoResponders);
}

async fn queue_group_shares_each_message_once_among_all_members(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let mut members = Vec::new();
    for _ in 0..3 {
        let client = connect(&broker, transport).await;
        let member = client.queue_subscribe("case", "workers".into()).await.unwrap();
        sync(&client).await;
        members.push((client, member));
    }
    let other_group = publisher.queue_subscribe("case", "others".into()).await.unwrap();
    let plain = publisher.subscribe("case").await.unwrap();
    for number in numbers(300) {
        publisher.publish("case", number.into()).await.unwrap();
    }
    sync(&publisher).await;
    assert_eq!(arrived(&publisher, plain).await, numbers(300));
    assert_eq!(arrived(&publisher, other_group).await, numbers(300));
    let mut shared = Vec::new();
    for (client, member) in members {
        let share = arrived(&client, member).await;
        assert!(!share.is_empty(), "a member got nothing");
        shared.extend(share);
    }
    shared.sort();
    let mut expected = numbers(300);
    expected.sort();
    assert_eq!(shared, expected);
}

async fn unsubscribe_after_a_limit_stops_delivery(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut limited = subscriber.subscribe("case").await.unwrap();
    limited.unsubscribe_after(3).await.unwrap();
    sync(&subscriber).await;
    // The client drops what comes beyond the limit; the server must not send it.
    let received = || subscriber.statistics().in_messages.load(Ordering::Relaxed);
    let before = received();
    for number in numbers(10) {
        publisher.publish("case", number.into()).await.unwrap();
    }
    sync(&publisher).await;
    assert_eq!(take(&mut limited, 3).await, numbers(3));
    assert!(within(5, limited.next()).await.is_none());
    sync(&subscriber).await;
    let of_the_sync = 1;
    assert_eq!(received() - before, 3 + of_the_sync);
}

async fn headers_arrive_with_their_case_and_repeated_values(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut subscription = subscriber.subscribe("case").await.unwrap();
    sync(&subscriber).await;
    let mut sent = HeaderMap::new();
    for (name, value) in
        [("Key", "one"), ("key", "two"), ("Key", "three"), ("MiXeD", "ü ≠ u"), ("Colon", "a:b")]
    {
        sent.append(name, value);
    }
    for body in ["body", ""] {
        publisher.publish_with_headers("case", sent.clone(), body.into()).await.unwrap();
        let message = next(&mut subscription).await;
        assert_eq!(message.payload, body);
        let got = message.headers.unwrap();
        let values =
            |name: &str| got.get_all(name).map(|value| value.as_str()).collect::<Vec<&str>>();
        assert_eq!(values("Key"), ["one", "three"]);
        assert_eq!(values("key"), ["two"]);
        assert_eq!(values("MiXeD"), ["ü ≠ u"]);
        assert_eq!(values("Colon"), ["a:b"]);
        assert_eq!(got.len(), 4);
    }
}

async fn drain_handles_what_has_arrived_and_then_closes(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let (subscriber, mut events) = connect_watched(&broker, transport, options()).await;
    let mut subscription = subscriber.subscribe("case").await.unwrap();
    sync(&subscriber).await;
    for number in numbers(100) {
        publisher.publish("case", number.into()).await.unwrap();
    }
    sync(&publisher).await;
    // async-nats does not wait for the PONG behind its UNSUB: what is not read yet would be lost.
    sync(&subscriber).await;
    subscriber.drain().await.unwrap();
    assert_eq!(take(&mut subscription, 100).await, numbers(100));
    assert!(within(5, subscription.next()).await.is_none());
    events.until(|event| matches!(event, Event::Closed)).await;
    // For the same reason the server may see the end a little later than the client tells it.
    within(5, async {
        loop {
            let request = Request::new().timeout(Some(Duration::from_millis(200)));
            match publisher.send_request("case", request).await.unwrap_err().kind() {
                RequestErrorKind::TimedOut => {}
                kind => break assert_eq!(kind, RequestErrorKind::NoResponders),
            }
        }
    })
    .await;
}

async fn payload_of_exactly_max_payload_passes_and_one_more_octet_does_not(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut subscription = subscriber.subscribe("case").await.unwrap();
    sync(&subscriber).await;
    assert_eq!(publisher.max_payload(), MEBIBYTE);
    let payload: Bytes = (0..MEBIBYTE).map(|index| (index % 251) as u8).collect();
    let refused = publisher.publish("case", vec![0; MEBIBYTE + 1].into()).await;
    assert_eq!(refused.unwrap_err().kind(), PublishErrorKind::MaxPayloadExceeded);
    publisher.publish("case", payload.clone()).await.unwrap();
    assert!(next(&mut subscription).await.payload == payload);
}

async fn binary_payloads_arrive_unchanged(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let mut subscription = subscriber.subscribe("case").await.unwrap();
    sync(&subscriber).await;
    let payloads =
        [vec![], vec![0], (0..=255).collect(), b"\r\nMSG x 1 1\r\n".to_vec(), vec![255; 1000]];
    for payload in payloads.clone() {
        publisher.publish("case", payload.into()).await.unwrap();
    }
    assert_eq!(take(&mut subscription, payloads.len()).await, payloads);
}

async fn utf8_subjects_are_routed_and_matched(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let publisher = connect(&broker, transport).await;
    let subscriber = connect(&broker, transport).await;
    let exact = subscriber.subscribe("case.größe.日本").await.unwrap();
    let mut wild = subscriber.subscribe("case.*.日本").await.unwrap();
    sync(&subscriber).await;
    publisher.publish("case.größe.日本", "√".into()).await.unwrap();
    publisher.publish("case.große.日本", "other".into()).await.unwrap();
    let message = next(&mut wild).await;
    assert_eq!(
        (message.subject.as_str(), &message.payload[..]),
        ("case.größe.日本", "√".as_bytes())
    );
    assert_eq!(next(&mut wild).await.payload, "other");
    assert_eq!(arrived(&subscriber, exact).await, ["√"].map_bytes());
}

async fn no_echo_hides_own_messages_only(transport: Transport) {
    let broker = Broker::start(transport, "").await;
    let other = connect(&broker, transport).await;
    let quiet = try_connect(&broker, transport, options().no_echo()).await.unwrap();
    let own = quiet.subscribe("case").await.unwrap();
    let theirs = other.subscribe("case").await.unwrap();
    sync(&quiet).await;
    sync(&other).await;
    quiet.publish("case", "from myself".into()).await.unwrap();
    sync(&quiet).await;
    other.publish("case", "from another".into()).await.unwrap();
    sync(&other).await;
    assert_eq!(arrived(&other, theirs).await, ["from myself", "from another"].map_bytes());
    assert_eq!(arrived(&quiet, own).await, ["from another"].map_bytes());
}
