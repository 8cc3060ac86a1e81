"""The server under test as a process: its config, its ports, its life.

The program is named by NERVURE_TEST_SERVER (any executable that takes nats-server's flags and
config); without it, the newest `nervure` built in this repository is used. Readiness is taken from
the ports file, as several client suites do.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

INTEROP = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = INTEROP.parent.parent

START_SECONDS = 10.0
STOP_SECONDS = 10.0

# Clear-text users, and one whose password is stored as a bcrypt hash of "b0b pass" (cost 4).
USERS = """
authorization {
  users [
    { user: alice, password: "al1ce pass" }
    { user: bob, password: "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq" }
    { user: dave, password: "d4ve pass"
      permissions {
        publish: "open.>"
        subscribe: ["open.>", "_INBOX.>"]
      }
    }
  ]
}
"""
TOKEN = 'authorization { token: "a token with spaces" }\n'


def program() -> str:
    """The absolute path of the server executable under test."""
    named = os.environ.get("NERVURE_TEST_SERVER")
    if named:
        path = pathlib.Path(named).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"NERVURE_TEST_SERVER names no file: {named}")
        return str(path)
    return tool()


def tool() -> str:
    """The absolute path of nervure itself, whose `auth` command makes keys and tokens."""
    built = [REPOSITORY / "target" / profile / "nervure" for profile in ("release", "debug")]
    built = [path for path in built if path.is_file()]
    if not built:
        raise FileNotFoundError("build nervure first: cargo build")
    return str(max(built, key=lambda path: path.stat().st_mtime))


def real_server() -> str:
    """The absolute path of the real nats-server."""
    fetched = REPOSITORY / "tests" / ".cache" / "nats-server"
    path = pathlib.Path(os.environ.get("NATS_SERVER", fetched))
    if not path.is_file():
        raise FileNotFoundError(f"no nats-server at {path}: run tests/fetch-nats-server")
    return str(path)


def make_certificates(directory: pathlib.Path) -> pathlib.Path:
    """Writes a fresh CA and the certificates it signed to `directory`; returns it."""
    subprocess.run([str(INTEROP / "make-certs.sh"), str(directory)], check=True)
    return directory


def tls_block(certificates: pathlib.Path, *, verify: bool = False) -> str:
    """A `tls` config block; with `verify` the server demands a client certificate."""
    block = f'cert_file: "{certificates}/server.pem", key_file: "{certificates}/server.key"'
    if verify:
        block += f', ca_file: "{certificates}/ca.pem", verify: true'
    return f"tls {{ {block} }}"


class Broker:
    """One server process with a client and a WebSocket listener on random ports of 127.0.0.1.

    `settings` is config text added as it is; `certificates` turns TLS on for both listeners;
    `executable` runs instead of the program under test.
    The ports that the first start got are kept by later starts.
    """

    def __init__(
        self, directory, settings="", certificates=None, verify=False, executable=None
    ):
        self.executable = executable or program()
        self.directory = pathlib.Path(directory)
        self.settings = settings
        self.tls = tls_block(certificates, verify=verify) if certificates else None
        self.ports = {"nats": -1, "websocket": -1}
        self.process = None

    def write_config(self) -> pathlib.Path:
        """Writes the config for the ports known so far."""
        path = self.directory / "server.conf"
        path.write_text(
            f'listen: "127.0.0.1:{self.ports["nats"]}"\n'
            f'ports_file_dir: "{self.directory}"\n'
            f"{self.tls or ''}\n"
            "websocket {\n"
            f'  listen: "127.0.0.1:{self.ports["websocket"]}"\n'
            f"  {self.tls or 'no_tls: true'}\n"
            "}\n" + self.settings
        )
        return path

    def start(self) -> Broker:
        """Starts the process and waits until its ports file names every listener."""
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.executable, "-c", str(self.write_config()), "-DV"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        listeners = wait_for_ports_file(self.directory, self.process)
        for name in self.ports:
            self.ports[name] = int(listeners[name][0].rsplit(":", 1)[1])
        return self

    def signal(self, number: int) -> None:
        """Sends a signal to the process."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Asks the process to end; kills it after STOP_SECONDS. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """Ends the process without a chance to say goodbye."""
        self.process.kill()
        self.process.wait()

    def url(self, transport: str) -> str:
        """The URL for a client of this transport (tcp, tls, ws or wss)."""
        scheme = {"tcp": "nats", "tls": "tls"}.get(transport, transport)
        listener = "nats" if transport in ("tcp", "tls") else "websocket"
        return f"{scheme}://127.0.0.1:{self.ports[listener]}"

    def wire(self) -> Wire:
        """A raw connection to the client listener."""
        return Wire(self.ports["nats"])


def wait_for_ports_file(directory, process) -> dict:
    """Polls for the ports file of `process` in `directory`; returns its listeners."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        for path in pathlib.Path(directory).glob(f"*_{process.pid}.ports"):
            try:
                return json.loads(path.read_text())
            except ValueError:
                pass  # caught half-written
        time.sleep(0.01)
    if process.poll() is None:
        process.kill()
    process.wait()
    log = pathlib.Path(directory) / "server.log"
    said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise RuntimeError(f"server not ready (exit status {process.returncode}):\n{said}")


class Wire:
    """A bare protocol session, for what a client library hides."""

    def __init__(self, port: int, connect: str = '{"verbose":false,"headers":true}'):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.reader = self.socket.makefile("rb")
        self.info = json.loads(self.line().removeprefix(b"INFO "))
        self.send(f"CONNECT {connect}\r\n".encode())
        self.sync()

    def send(self, octets: bytes) -> None:
        """Writes octets as they are."""
        self.socket.sendall(octets)

    def line(self) -> bytes:
        """The next line, with its CR LF; empty at the end of the stream."""
        return self.reader.readline()

    def exactly(self, count: int) -> bytes:
        """The next `count` octets."""
        return self.reader.read(count)

    def sync(self) -> None:
        """Waits until the server has worked through everything sent so far."""
        self.send(b"PING\r\n")
        line = self.line()
        assert line == b"PONG\r\n", line

    def close(self) -> None:
        """Ends the session."""
        self.reader.close()
        self.socket.close()
