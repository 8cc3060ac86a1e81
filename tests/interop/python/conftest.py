"""Fixtures: servers shared by all tests of one kind, and clients that are closed at a test's end.

Tests are coroutines; each runs in an event loop of its own, within CASE_SECONDS.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import re
import ssl

import nats.aio.client
import nats.errors
import pytest

import broker as server

CASE_SECONDS = 20.0
CONNECT_SECONDS = 5

SETTINGS = {"none": "", "users": server.USERS, "token": server.TOKEN}


def pytest_sessionstart(session):
    try:
        server.program()
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=2)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def case():
        try:
            await asyncio.wait_for(pyfuncitem.obj(**arguments), CASE_SECONDS)
        finally:
            for client in Peers.open:
                await asyncio.wait_for(client.close(), CONNECT_SECONDS)
            Peers.open.clear()

    asyncio.run(case())
    return True


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return server.make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def brokers(tmp_path_factory, certificates):
    """Starts servers on demand, one for each pair of encrypted and authorization."""
    started = {}

    def get(encrypted: bool, authorization: str) -> server.Broker:
        key = (encrypted, authorization)
        if key not in started:
            started[key] = server.Broker(
                tmp_path_factory.mktemp("server"),
                SETTINGS[authorization],
                certificates if encrypted else None,
            ).start()
        return started[key]

    yield get
    for broker in started.values():
        broker.stop()


@pytest.fixture(params=["tcp", "tls", "ws", "wss"])
def transport(request):
    return request.param


def client_context(certificates, identity=None, ca="ca") -> ssl.SSLContext:
    """Trusts only `ca`; shows the certificate `identity`, if any."""
    context = ssl.create_default_context(cafile=str(certificates / f"{ca}.pem"))
    if identity:
        context.load_cert_chain(certificates / f"{identity}.pem", certificates / f"{identity}.key")
    return context


class Client(nats.aio.client.Client):
    """nats-py's client, remembering what the server and the library complained about.

    `said` holds the texts of the server's -ERR lines, `errors` what was passed to the error
    callback. The library itself keeps only the last error, and a closed connection is one.
    """

    def __init__(self):
        super().__init__()
        self.said = []
        self.errors = []

    async def _process_err(self, text):
        self.said.append(text)
        await super()._process_err(text)

    async def flush(self, timeout=10):
        """Waits until the server has worked through everything sent so far.

        The library's PING would overtake commands that still wait in its buffer.
        """
        await self._flush_pending(force_flush=True)
        await super().flush(timeout)


class Peers:
    """Makes clients of one server over one transport; they are closed when the test ends.

    A client that never got connected is not: nats-py can wait for ever in closing it.
    """

    open = []

    def __init__(self, broker, transport, context):
        self.broker = broker
        self.transport = transport
        self.context = context
        self.clients = []

    async def connect(self, **options):
        """A connected client."""
        client = Client()
        self.clients.append(client)

        async def report(error):
            client.errors.append(error)

        options = {
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.05,
            "connect_timeout": CONNECT_SECONDS,
            "tls": self.context,
            "error_cb": report,
            **options,
        }
        await client.connect(self.broker.url(self.transport), **options)
        Peers.open.append(client)
        return client

    async def assert_refused(self, reason, **options):
        """Connecting fails, and an error that matches `reason` was given for it."""
        with pytest.raises((nats.errors.Error, OSError, asyncio.TimeoutError)) as failure:
            await self.connect(**options)
        client = self.clients[-1]
        assert not client.is_connected
        reasons = [repr(error) for error in (failure.value, *client.errors)] + client.said
        assert any(re.search(reason, text, re.IGNORECASE) for text in reasons), reasons


@pytest.fixture
def context(transport, certificates):
    return client_context(certificates) if transport in ("tls", "wss") else None


@pytest.fixture
def peers(brokers, transport, context):
    """Clients of a shared server without authorization."""
    return Peers(brokers(context is not None, "none"), transport, context)


@pytest.fixture
def own_broker(tmp_path, request, transport, certificates):
    """A server for this test alone, not started yet; the test may stop and start it."""
    encrypted = transport in ("tls", "wss")
    broker = server.Broker(tmp_path, certificates=certificates if encrypted else None)
    yield broker
    if broker.process:
        broker.stop()


_subjects = itertools.count()


@pytest.fixture
def subject():
    """A subject prefix no other test uses."""
    return f"case{next(_subjects)}"
