"""Who is let in: passwords, tokens, permissions and certificates."""

from __future__ import annotations

import pytest

import broker as server
from conftest import Peers, client_context
from test_messaging import take

ALICE = {"user": "alice", "password": "al1ce pass"}
BOB = {"user": "bob", "password": "b0b pass"}
DAVE = {"user": "dave", "password": "d4ve pass"}
TOKEN = {"token": "a token with spaces"}

VIOLATION = "'Authorization Violation'"

NOT_THESE_USERS = {
    "wrong password": {"user": "alice", "password": "b0b pass"},
    "wrong password of a hashed user": {"user": "bob", "password": "al1ce pass"},
    "the hash itself": {
        "user": "bob",
        "password": "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq",
    },
    "unknown user": {"user": "carol", "password": "al1ce pass"},
    "empty password": {"user": "alice", "password": ""},
    "a token": TOKEN,
    "nothing": {},
}
NOT_THIS_TOKEN = {
    "wrong token": {"token": "a token with space"},
    "a user": ALICE,
    "nothing": {},
}


@pytest.fixture
def user_peers(brokers, transport, context):
    return Peers(brokers(context is not None, "users"), transport, context)


@pytest.fixture
def token_peers(brokers, transport, context):
    return Peers(brokers(context is not None, "token"), transport, context)


@pytest.mark.parametrize("credentials", [ALICE, BOB], ids=["plain", "bcrypt"])
async def test_user_with_the_right_password_is_let_in(user_peers, credentials, subject):
    client = await user_peers.connect(**credentials)
    subscription = await client.subscribe(f"open.{subject}")
    await client.publish(f"open.{subject}", b"in")
    assert await take(subscription, 1) == [b"in"]


@pytest.mark.parametrize("name", NOT_THESE_USERS)
async def test_anything_but_a_users_password_is_refused(user_peers, name):
    await user_peers.assert_refused(VIOLATION, **NOT_THESE_USERS[name])


async def test_right_token_is_let_in(token_peers, subject):
    client = await token_peers.connect(**TOKEN)
    subscription = await client.subscribe(subject)
    await client.publish(subject, b"in")
    assert await take(subscription, 1) == [b"in"]


@pytest.mark.parametrize("name", NOT_THIS_TOKEN)
async def test_anything_but_the_token_is_refused(token_peers, name):
    await token_peers.assert_refused(VIOLATION, **NOT_THIS_TOKEN[name])


async def test_denied_publish_and_subscribe_are_reported_and_nothing_flows(user_peers, subject):
    alice, dave = await user_peers.connect(**ALICE), await user_peers.connect(**DAVE)
    watch = await alice.subscribe(">")
    await alice.flush()
    eavesdrop = await dave.subscribe(f"closed.{subject}")
    await dave.publish(f"closed.{subject}", b"forbidden")
    await dave.publish(f"open.{subject}", b"allowed")
    await dave.flush()
    assert await take(watch, 1) == [b"allowed"]
    texts = [str(error).lower() for error in dave.errors]
    assert [text.split('"')[0].strip() for text in texts] == [
        "nats: permissions violation for subscription to",
        "nats: permissions violation for publish to",
    ]
    await alice.publish(f"closed.{subject}", b"secret")
    await alice.flush()
    await dave.flush()
    assert eavesdrop.pending_msgs == 0
    assert dave.is_connected


@pytest.fixture(scope="module")
def mutual(tmp_path_factory, certificates):
    """A server that demands a client certificate of our CA on both listeners."""
    broker = server.Broker(
        tmp_path_factory.mktemp("mutual"), certificates=certificates, verify=True
    ).start()
    yield broker
    broker.stop()


TLS_TRANSPORTS = pytest.mark.parametrize("transport", ["tls", "wss"], indirect=True)


@TLS_TRANSPORTS
async def test_client_with_a_trusted_certificate_is_let_in(mutual, transport, certificates, subject):
    peers = Peers(mutual, transport, client_context(certificates, "client"))
    client = await peers.connect()
    subscription = await client.subscribe(subject)
    await client.publish(subject, b"in")
    assert await take(subscription, 1) == [b"in"]


@TLS_TRANSPORTS
@pytest.mark.parametrize("identity", [None, "intruder"], ids=["without", "of a stranger"])
async def test_client_certificate_is_demanded(mutual, transport, certificates, identity):
    peers = Peers(mutual, transport, client_context(certificates, identity))
    # Under TLS 1.3 the client learns of the refusal as an alert, or as a closed connection.
    await peers.assert_refused("alert|EOF|reset|disconnected|closed|broken pipe")


@TLS_TRANSPORTS
async def test_client_refuses_a_server_of_another_authority(brokers, transport, certificates):
    context = client_context(certificates, ca="stranger")
    peers = Peers(brokers(True, "none"), transport, context)
    await peers.assert_refused("CERTIFICATE_VERIFY_FAILED")


async def test_plain_client_does_not_get_past_a_tls_server(brokers, certificates):
    peers = Peers(brokers(True, "none"), "tcp", None)
    await peers.assert_refused("tls|ssl")
