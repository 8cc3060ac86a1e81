"""What clients live through when their server goes away: restarts and lame duck mode."""

from __future__ import annotations

import asyncio
import signal

import pytest

from conftest import Peers
from test_messaging import take


class Moments:
    """Connection callbacks of a client, as events to wait for."""

    def __init__(self):
        self.events = {}

    def callback(self, name):
        """A coroutine function that sets the event `name`."""
        event = self.events[name] = asyncio.Event()

        async def happened():
            event.set()

        return happened

    async def wait(self, name, seconds=5.0):
        """Waits for the event `name`."""
        await asyncio.wait_for(self.events[name].wait(), seconds)


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_clients_reconnect_to_a_restarted_server(
    own_broker, transport, context, subject, ending
):
    own_broker.start()
    peers = Peers(own_broker, transport, context)
    moments = Moments()
    subscriber = await peers.connect(
        allow_reconnect=True,
        reconnect_time_wait=0.05,
        max_reconnect_attempts=-1,
        disconnected_cb=moments.callback("disconnected"),
        reconnected_cb=moments.callback("reconnected"),
    )
    plain = await subscriber.subscribe(f"{subject}.*")
    queue = await subscriber.subscribe(f"{subject}.a", queue="workers")

    async def answer(message):
        await message.respond(b"still here")

    await subscriber.subscribe(f"{subject}.ask.me", cb=answer)
    await subscriber.flush()

    await asyncio.to_thread(getattr(own_broker, ending))
    await moments.wait("disconnected")
    ports = dict(own_broker.ports)
    await asyncio.to_thread(own_broker.start)
    assert own_broker.ports == ports
    await moments.wait("reconnected")

    await subscriber.flush()
    publisher = await peers.connect()
    await publisher.publish(f"{subject}.a", b"after")
    assert await take(plain, 1) == [b"after"]
    assert await take(queue, 1) == [b"after"]
    assert (await publisher.request(f"{subject}.ask.me", b"", 5)).data == b"still here"


async def test_lame_duck_is_announced_then_clients_go_one_by_one(
    own_broker, transport, context, subject
):
    own_broker.settings = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"\n'
    own_broker.start()
    peers = Peers(own_broker, transport, context)
    moments = Moments()
    clients = [
        await peers.connect(
            lame_duck_mode_cb=moments.callback(f"announced {number}"),
            closed_cb=moments.callback(f"closed {number}"),
        )
        for number in range(2)
    ]
    subscription = await clients[0].subscribe(subject)
    await clients[0].flush()

    own_broker.signal(signal.SIGUSR2)
    for number in range(2):
        await moments.wait(f"announced {number}", 2.0)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", own_broker.ports["nats"])
    await clients[1].publish(subject, b"within the grace period")
    assert await take(subscription, 1) == [b"within the grace period"]

    for number in range(2):
        await moments.wait(f"closed {number}")
    assert await asyncio.to_thread(own_broker.process.wait, 5) == 0
