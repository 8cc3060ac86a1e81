"""nats-py comes in with a credentials file that `nervure auth` made."""

from __future__ import annotations

import stat
import subprocess

import pytest

import broker as server
from conftest import Peers
from test_messaging import take


class Tool:
    """`nervure auth` in one directory."""

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, *words: str) -> str:
        command = [server.tool(), "auth", *words]
        made = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture
def tool(tmp_path):
    """The tool, in a directory with the seeds of an operator and an account."""
    tool = Tool(tmp_path)
    tool("nkey", "operator", "--out", "operator.nk")
    tool("nkey", "account", "--out", "app.nk")
    return tool


@pytest.fixture
def operator_peers(tool, tmp_path_factory):
    """Clients of a server that trusts the operator."""
    tool("jwt", "operator", "--key", "operator.nk", "--out", "operator.jwt")
    account = tool("jwt", "account", "--key", "app.nk", "--issuer", "operator.nk")
    settings = (
        f'operator: "{tool.directory}/operator.jwt"\n'
        f'resolver: MEMORY\nresolver_preload: {{ {tool("pubkey", "app.nk")}: {account} }}\n'
    )
    broker = server.Broker(tmp_path_factory.mktemp("operator"), settings).start()
    yield Peers(broker, "tcp", None)
    broker.stop()


def credentials(tool, name: str, *flags: str) -> str:
    """The path of the credentials file of a new user."""
    tool("nkey", "user", "--out", f"{name}.nk")
    user = ["--key", f"{name}.nk", "--issuer", "app.nk", "--name", name]
    tool("jwt", "user", *user, *flags, "--out", f"{name}.jwt")
    tool("creds", "--jwt", f"{name}.jwt", "--seed", f"{name}.nk", "--out", f"{name}.creds")
    path = tool.directory / f"{name}.creds"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return str(path)


async def test_user_with_a_credentials_file_is_let_in(tool, operator_peers, subject):
    client = await operator_peers.connect(user_credentials=credentials(tool, "alice"))
    subscription = await client.subscribe(subject)
    await client.publish(subject, b"in")
    assert await take(subscription, 1) == [b"in"]


async def test_user_gets_the_permissions_of_the_flags(tool, operator_peers, subject):
    path = credentials(tool, "bob", "--deny-pub", f"{subject}.closed")
    client = await operator_peers.connect(user_credentials=path)
    subscription = await client.subscribe(f"{subject}.*")
    await client.publish(f"{subject}.closed", b"forbidden")
    await client.publish(f"{subject}.open", b"allowed")
    assert await take(subscription, 1) == [b"allowed"]
    assert any("permissions violation for publish" in str(error).lower() for error in client.errors)


async def test_user_of_an_unknown_account_is_refused(tool, operator_peers):
    tool("nkey", "account", "--out", "stranger.nk")
    (tool.directory / "app.nk").rename(tool.directory / "real.nk")
    (tool.directory / "stranger.nk").rename(tool.directory / "app.nk")
    path = credentials(tool, "carol")
    await operator_peers.assert_refused("'Authorization Violation'", user_credentials=path)
