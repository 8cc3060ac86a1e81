"""Publishing, subscribing and requesting with nats-py over every transport."""

from __future__ import annotations

import asyncio
import collections

import nats.errors
import pytest

MEBIBYTE = 1024 * 1024
EVERY_OCTET = bytes(range(256))


async def take(subscription, count):
    """The payloads of the next `count` messages."""
    return [(await subscription.next_msg(5)).data for _ in range(count)]


async def assert_silent(client, subscription):
    """Nothing more is on its way to `subscription`: a PONG would have come after it."""
    await client.flush()
    assert subscription.pending_msgs == 0


async def test_publish_reaches_a_subscriber_of_the_subject_only(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    wanted = await subscriber.subscribe(f"{subject}.a")
    other = await subscriber.subscribe(f"{subject}.b")
    await subscriber.flush()
    await publisher.publish(f"{subject}.a", b"hello", reply=f"{subject}.reply")
    message = await wanted.next_msg(5)
    assert (message.subject, message.reply, message.data) == (
        f"{subject}.a",
        f"{subject}.reply",
        b"hello",
    )
    await assert_silent(subscriber, other)


async def test_thousands_of_messages_arrive_in_order(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    subscription = await subscriber.subscribe(subject)
    await subscriber.flush()
    for number in range(5000):
        await publisher.publish(subject, b"%d" % number)
    assert await take(subscription, 5000) == [b"%d" % number for number in range(5000)]


async def test_wildcards_match_one_token_or_the_rest(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    patterns = {name: f"{subject}.{name}" for name in ("*", "*.x", "a.>", ">")}
    got = {name: await subscriber.subscribe(pattern) for name, pattern in patterns.items()}
    await subscriber.flush()
    for tail in ("a", "a.x", "b.x", "a.x.y"):
        await publisher.publish(f"{subject}.{tail}", tail.encode())
    await publisher.publish(subject, b"the prefix itself")
    assert await take(got[">"], 4) == [b"a", b"a.x", b"b.x", b"a.x.y"]
    assert await take(got["*"], 1) == [b"a"]
    assert await take(got["*.x"], 2) == [b"a.x", b"b.x"]
    assert await take(got["a.>"], 2) == [b"a.x", b"a.x.y"]
    for subscription in got.values():
        await assert_silent(subscriber, subscription)


async def test_request_gets_its_reply(peers, subject):
    requester, responder = await peers.connect(), await peers.connect()

    async def answer(message):
        await message.respond(message.data[::-1])

    await responder.subscribe(subject, cb=answer)
    await responder.flush()
    bodies = [b"%03d" % number for number in range(50)]
    replies = await asyncio.gather(*(requester.request(subject, body, 5) for body in bodies))
    assert [reply.data for reply in replies] == [body[::-1] for body in bodies]
    old_style = await requester.request(subject, b"abc", 5, old_style=True)
    assert old_style.data == b"cba"


async def test_scatter_gather_hears_every_responder(peers, subject):
    requester = await peers.connect()
    for number in range(4):
        responder = await peers.connect()

        async def answer(message, name=b"responder %d" % number):
            await message.respond(name)

        await responder.subscribe(subject, cb=answer)
        await responder.flush()
    inbox = requester.new_inbox()
    replies = await requester.subscribe(inbox)
    await requester.publish(subject, b"who is there?", reply=inbox)
    assert sorted(await take(replies, 4)) == [b"responder %d" % number for number in range(4)]


async def test_request_without_responders_fails_at_once(peers, subject):
    requester = await peers.connect()
    with pytest.raises(nats.errors.NoRespondersError):
        await requester.request(subject, b"anybody?", 10)


async def test_queue_group_shares_each_message_once_among_all_members(peers, subject):
    publisher = await peers.connect()
    members = []
    for _ in range(3):
        client = await peers.connect()
        members.append(await client.subscribe(subject, queue="workers"))
        await client.flush()
    other_group = await publisher.subscribe(subject, queue="others")
    plain = await publisher.subscribe(subject)
    for number in range(300):
        await publisher.publish(subject, b"%d" % number)
    expected = [b"%d" % number for number in range(300)]
    assert await take(plain, 300) == expected
    assert await take(other_group, 300) == expected
    for client in peers.clients:
        await client.flush()
    shares = [await take(member, member.pending_msgs) for member in members]
    assert collections.Counter(sum(shares, [])) == collections.Counter(expected)
    assert all(share for share in shares), [len(share) for share in shares]


async def test_unsubscribe_after_a_limit_stops_delivery(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    limited = await subscriber.subscribe(subject)
    witness = await subscriber.subscribe(subject)
    await limited.unsubscribe(limit=3)
    await subscriber.flush()
    for number in range(10):
        await publisher.publish(subject, b"%d" % number)
    await take(witness, 10)
    assert limited.delivered == 3
    # nats-py drops what comes beyond the limit; the server must not have sent it.
    assert subscriber.stats["in_msgs"] == 13


async def test_headers_arrive_with_their_case_and_values(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    subscription = await subscriber.subscribe(subject)
    await subscriber.flush()
    sent = {"Plain": "value", "lower-case": "2", "MiXeD-CaSe": "ü ≠ u", "Colon": "a:b", "Empty": ""}
    await publisher.publish(subject, b"body", headers=sent)
    await publisher.publish(subject, b"", headers={"Only": "headers"})
    message = await subscription.next_msg(5)
    assert (message.headers, message.data) == (sent, b"body")
    message = await subscription.next_msg(5)
    assert (message.headers, message.data) == ({"Only": "headers"}, b"")


async def test_repeated_header_keys_pass_octet_for_octet(brokers, peers, transport, subject):
    if transport not in ("tcp", "ws"):
        pytest.skip("the raw publisher speaks plain TCP")
    subscriber = await peers.connect()
    subscription = await subscriber.subscribe(subject)
    await subscriber.flush()
    block = b"NATS/1.0\r\nKey: one\r\nkey: two\r\nKey: three\r\n\r\n"
    watcher, publisher = peers.broker.wire(), peers.broker.wire()
    try:
        watcher.send(b"SUB %s 9\r\n" % subject.encode())
        watcher.sync()
        sizes = (len(block), len(block) + 4)
        publisher.send(b"HPUB %s %d %d\r\n%sbody\r\n" % (subject.encode(), *sizes, block))
        assert watcher.line() == b"HMSG %s 9 %d %d\r\n" % (subject.encode(), *sizes)
        assert watcher.exactly(sizes[1] + 2) == block + b"body\r\n"
    finally:
        watcher.close()
        publisher.close()
    message = await subscription.next_msg(5)
    # nats-py keeps the last value of a repeated key; keys that differ in case stay apart.
    assert (message.headers, message.data) == ({"Key": "three", "key": "two"}, b"body")


async def test_drain_handles_what_has_arrived_and_then_closes(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    seen = []

    async def slow(message):
        await asyncio.sleep(0.001)
        seen.append(message.data)
        await message.respond(message.data)

    await subscriber.subscribe(subject, cb=slow)
    await subscriber.flush()
    answers = await publisher.subscribe(f"{subject}.answers")
    for number in range(100):
        await publisher.publish(subject, b"%d" % number, reply=f"{subject}.answers")
    await publisher.flush()
    await subscriber.flush()
    await subscriber.drain()
    assert subscriber.is_closed
    assert seen == [b"%d" % number for number in range(100)]
    assert await take(answers, 100) == seen
    with pytest.raises(nats.errors.NoRespondersError):
        await publisher.request(subject, b"still there?", 5)


async def test_payload_of_exactly_max_payload_passes(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    subscription = await subscriber.subscribe(subject)
    await subscriber.flush()
    assert publisher.max_payload == MEBIBYTE
    payload = EVERY_OCTET * (MEBIBYTE // len(EVERY_OCTET))
    await publisher.publish(subject, payload)
    assert (await subscription.next_msg(10)).data == payload


async def test_payload_over_max_payload_is_refused_by_the_client(peers, subject):
    publisher = await peers.connect()
    with pytest.raises(nats.errors.MaxPayloadError):
        await publisher.publish(subject, bytes(MEBIBYTE + 1))
    await publisher.flush()
    assert publisher.is_connected


async def test_payload_over_max_payload_is_refused_by_the_server(peers, subject):
    closed = asyncio.Event()

    async def on_closed():
        closed.set()

    publisher = await peers.connect(closed_cb=on_closed)
    # Only the control line, past the client's own check. With the payload behind it, the server's
    # close would reset the connection, and the error text could be lost.
    publisher._transport.write(b"PUB %s %d\r\n" % (subject.encode(), MEBIBYTE + 1))
    await publisher._transport.drain()
    await asyncio.wait_for(closed.wait(), 5)
    assert publisher.said == ["'maximum payload violation'"]  # nats-py lowers the case


async def test_binary_payloads_arrive_unchanged(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    subscription = await subscriber.subscribe(subject)
    await subscriber.flush()
    payloads = [b"", b"\x00", EVERY_OCTET, b"\r\nMSG x 1 1\r\n", b"\xff" * 1000]
    for payload in payloads:
        await publisher.publish(subject, payload)
    assert await take(subscription, len(payloads)) == payloads


async def test_utf8_subjects_are_routed_and_matched(peers, subject):
    publisher, subscriber = await peers.connect(), await peers.connect()
    exact = await subscriber.subscribe(f"{subject}.größe.日本")
    wild = await subscriber.subscribe(f"{subject}.*.日本")
    await subscriber.flush()
    await publisher.publish(f"{subject}.größe.日本", "√".encode())
    await publisher.publish(f"{subject}.große.日本", b"other")
    assert (await exact.next_msg(5)).subject == f"{subject}.größe.日本"
    assert await take(wild, 2) == ["√".encode(), b"other"]
    await assert_silent(subscriber, exact)


async def test_no_echo_hides_own_messages_only(peers, subject):
    other = await peers.connect()
    quiet = await peers.connect(no_echo=True)
    own = await quiet.subscribe(subject)
    theirs = await other.subscribe(subject)
    for client in (quiet, other):
        await client.flush()
    await quiet.publish(subject, b"from myself")
    await quiet.flush()
    assert await take(theirs, 1) == [b"from myself"]
    await other.publish(subject, b"from another")
    assert await take(own, 1) == [b"from another"]
    await assert_silent(quiet, own)
