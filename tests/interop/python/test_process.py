"""What client suites need of the server process itself: readiness, files, signals, exit codes.

Only the standard library is used. The program is started as suites do it: found through PATH under
the name `nats-server`, with a directory of its own as the working directory.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

import broker as server

READY_SECONDS = 10.0

# As the suites spell them.
CLIENT_LINE = re.compile(r"Listening for client connections on (.+):(\d+)")
WEBSOCKET_LINE = re.compile(r"Listening for websocket clients on (wss?)://(.+):(\d+)")
INFORMATION_LINE = re.compile(r"\[INF\]\s+(.*)")
FATAL_LINE = re.compile(r"\[FTL\]\s+(.*)")
LOG_FILE_LINE = re.compile(r".+\sclient connections on\s+(\S+)")
VERSION = re.compile(r"v(?:ersion )?(\d+)\.(\d+)\.(\d+)")


class Process:
    """Starts the server as `nats-server` and remembers what it wrote to standard error."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        binaries = directory / "bin"
        binaries.mkdir()
        (binaries / "nats-server").symlink_to(server.program())
        self.environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
        self.running = []

    def run(self, *arguments):
        """Runs it to its end."""
        return subprocess.run(
            self.command(arguments), **self.placed(), capture_output=True, text=True, timeout=10
        )

    def start(self, *arguments, **streams):
        """Starts it; `streams` are those of Popen, by default all null."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
        streams.setdefault("stderr", subprocess.DEVNULL)
        child = subprocess.Popen(self.command(arguments), **self.placed(), **streams)
        self.running.append(child)
        return child

    def command(self, arguments):
        return ["nats-server", *map(str, arguments)]

    def placed(self):
        # Popen would search this process's PATH, not the child's, so the file is named; what the
        # child sees as its own name stays `nats-server`.
        executable = str(self.directory / "bin" / "nats-server")
        return {"executable": executable, "env": self.environment, "cwd": self.directory}

    def config(self, text, name="server.conf"):
        """Writes a config file; returns its path."""
        path = self.directory / name
        path.write_text(text)
        return path

    def end_all(self):
        for child in self.running:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stderr:
                child.stderr.close()


@pytest.fixture
def process(tmp_path):
    process = Process(tmp_path)
    yield process
    process.end_all()


def eventually(probe, seconds=READY_SECONDS, pause=0.01):
    """The first value of `probe` that is neither None nor false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def info_of(host, port) -> dict:
    """Connects and reads the first line, which must be INFO with a JSON object."""
    with socket.create_connection((host, int(port)), 5) as connection:
        line = connection.makefile("rb").readline()
    assert line.startswith(b"INFO {") and line.endswith(b"\r\n")
    return json.loads(line[5:])


def read_json(path):
    """The JSON value in a file, or None while it is missing or incomplete."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def stderr_until_ready(child):
    """Standard error's lines up to the ready line, or to the end of the stream."""
    lines = []
    watchdog = threading.Timer(READY_SECONDS, child.kill)
    watchdog.start()
    try:
        for line in child.stderr:
            lines.append(line.rstrip("\n"))
            if "Server is ready" in line:
                break
    finally:
        watchdog.cancel()
    return lines


def first_match(pattern, lines):
    """Position and match of the first line that the pattern is found in."""
    for position, line in enumerate(lines):
        match = pattern.search(line)
        if match:
            return position, match
    raise AssertionError(f"no line matches {pattern.pattern}: {lines}")


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_names_a_version_and_exits_zero(process, flag):
    done = process.run(flag)
    assert done.returncode == 0
    major, minor, _ = map(int, VERSION.search(done.stdout).groups())
    assert (major, minor) >= (2, 15)


def test_version_in_info_is_the_one_on_the_command_line(process):
    spoken = VERSION.search(process.run("--version").stdout)
    port = free_port()
    process.start("-a", "127.0.0.1", "-p", port)
    info = eventually(lambda: answering(port))
    assert VERSION.search(f"v{info['version']}").groups() == spoken.groups()


def answering(port):
    """INFO of the server on this port, or None while nobody listens."""
    try:
        return info_of("127.0.0.1", port)
    except ConnectionRefusedError:
        return None


def test_a_plain_start_listens_within_two_seconds(process):
    port = free_port()
    process.start("-p", port)
    # Ten tries, 200 ms apart; the connections say nothing before they close.
    assert eventually(lambda: answering(port), seconds=2.0, pause=0.2)["port"] == port
    assert info_of("::1", port)["port"] == port


def test_connections_that_close_without_a_word_are_harmless(process):
    port = free_port()
    child = process.start("-a", "127.0.0.1", "-p", port)
    eventually(lambda: answering(port))
    for _ in range(100):
        socket.create_connection(("127.0.0.1", port), 5).close()
    assert info_of("127.0.0.1", port)["port"] == port
    assert child.poll() is None


def test_varz_answers_only_when_clients_can_connect(process):
    monitoring = free_port()
    for _ in range(5):
        port = free_port()
        child = process.start("-a", "127.0.0.1", "-p", port, "-m", monitoring)

        def varz():
            try:
                url = f"http://127.0.0.1:{monitoring}/varz"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return answer.status == 200 and json.load(answer)
            except OSError:
                return None

        document = eventually(varz, pause=0.0005)
        time.sleep(0.002)  # the listener may follow within a millisecond or two
        assert info_of("127.0.0.1", port)["port"] == port
        assert document["port"] == port
        assert document["server_id"] == info_of("127.0.0.1", port)["server_id"]
        child.kill()
        child.wait()


def test_stderr_names_the_listeners_before_it_says_ready(process):
    config = process.config("port: -1\nwebsocket { port: -1, no_tls: true }\n")
    child = process.start("-a", "127.0.0.1", "-c", config, stderr=subprocess.PIPE, text=True)
    lines = stderr_until_ready(child)
    _, client = first_match(CLIENT_LINE, lines)
    _, websocket = first_match(WEBSOCKET_LINE, lines)
    assert "Server is ready" in lines[-1]
    assert client[1] == "127.0.0.1"
    assert info_of("127.0.0.1", client[2])["port"] == int(client[2])
    assert websocket[1] == "ws"
    with socket.create_connection(("127.0.0.1", int(websocket[3])), 5):
        pass
    for line in lines:
        if "Listening" in line:
            assert INFORMATION_LINE.search(line), line


def test_stderr_brackets_an_ipv6_host(process):
    child = process.start("-a", "::1", "-p", "-1", stderr=subprocess.PIPE, text=True)
    _, client = first_match(CLIENT_LINE, stderr_until_ready(child))
    assert client[1] == "[::1]"
    assert info_of("::1", client[2])["port"] == int(client[2])


def test_log_file_names_the_client_listener_first(process):
    log = process.directory / "server.log"
    process.start("-p", "-1", "-m", "-1", "-l", log, "-DV")
    ready = lambda text: "Server is ready" in text and text
    text = eventually(lambda: log.exists() and ready(log.read_text()))
    host, _, port = LOG_FILE_LINE.search(text)[1].rpartition(":")
    assert host == "0.0.0.0"
    info = info_of("localhost", port)
    assert info["port"] == int(port)
    assert not info.get("tls_required", False)


def test_ports_file_names_every_listener(process):
    config = process.config(
        f'ports_file_dir: "{process.directory}"\n'
        "websocket { port: -1, no_tls: true }\n"
        'cluster { name: "c", port: -1 }\n'
    )
    child = process.start("-p", "-1", "-m", "-1", "-c", config)
    path = process.directory / f"nats-server_{child.pid}.ports"
    listeners = eventually(lambda: read_json(path), seconds=5.0)
    expected = {"nats": "nats", "monitoring": "http", "cluster": "nats", "websocket": "ws"}
    assert set(listeners) == set(expected)
    for name, scheme in expected.items():
        got, _, rest = listeners[name][0].partition("://")
        host, port = rest.split(":")
        assert got == scheme
        socket.create_connection((host, int(port)), 5).close()
    assert info_of("127.0.0.1", listeners["nats"][0].rsplit(":", 1)[1])
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 0
    assert not path.exists()


def test_pid_file_holds_the_childs_pid_and_nothing_else(process):
    path = process.directory / "server.pid"
    child = process.start("-a", "127.0.0.1", "-p", "-1", "-P", path)
    assert eventually(lambda: path.exists() and path.read_text()) == str(child.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_ends_promptly_with_status_zero(process, number):
    port = free_port()
    child = process.start("-a", "127.0.0.1", "-p", port)
    eventually(lambda: answering(port))
    client = server.Wire(port)
    started = time.monotonic()
    child.send_signal(number)
    assert child.wait(10) == 0
    assert time.monotonic() - started < 2.0
    assert client.line() == b""
    client.close()


def test_port_is_free_again_at_once_after_a_kill(process):
    port = free_port()
    for _ in range(3):
        child = process.start("-a", "127.0.0.1", "-p", port)
        eventually(lambda: answering(port))
        client = server.Wire(port)
        child.kill()
        child.wait()
        client.close()
    process.start("-a", "127.0.0.1", "-p", port)
    assert eventually(lambda: answering(port), seconds=2.0)


def test_second_server_on_the_port_reports_it_as_fatal_and_fails(process):
    port = free_port()
    process.start("-a", "127.0.0.1", "-p", port)
    eventually(lambda: answering(port))
    second = process.run("-a", "127.0.0.1", "-p", port)
    assert second.returncode == 1
    _, fatal = first_match(FATAL_LINE, second.stderr.splitlines())
    assert f"127.0.0.1:{port}" in fatal[1] and "address already in use" in fatal[1]


def test_invalid_config_is_reported_on_stderr_with_status_one(process):
    done = process.run("-c", process.config('{ "port": : "x" }'))
    assert done.returncode == 1
    assert done.stderr.startswith("nats-server: ")
    assert done.stdout == ""


def test_missing_config_is_reported_on_stderr_with_status_one(process):
    done = process.run("-c", process.directory / "nowhere.conf")
    assert done.returncode == 1
    assert "no such file or directory" in done.stderr


def test_flags_override_the_config_before_and_after_it(process):
    one, other = free_port(), free_port()
    config = process.config(f"port: {one}\nnet: 0.0.0.0\nmax_payload: 1KB\n")
    for arguments in (["-p", other, "-c", config], ["--config", config, f"--port={other}"]):
        child = process.start("--addr", "127.0.0.1", *arguments)
        info = eventually(lambda: answering(other))
        assert (info["port"], info["max_payload"]) == (other, 1024)
        child.kill()
        child.wait()


def test_relative_paths_are_relative_to_the_working_directory(process):
    server.make_certificates(process.directory / "certs")
    process.config('include "tls.conf"\nport: -1\nports_file_dir: "."\n')
    process.config("tls { cert_file: certs/server.pem, key_file: certs/server.key }", "tls.conf")
    child = process.start("-a", "127.0.0.1", "-c", "server.conf")
    path = process.directory / f"nats-server_{child.pid}.ports"
    listeners = eventually(lambda: read_json(path))
    assert listeners["nats"][0].startswith("tls://127.0.0.1:")
    assert info_of("127.0.0.1", listeners["nats"][0].rsplit(":", 1)[1])["tls_required"] is True


def test_reload_takes_effect_for_a_live_subscription(process):
    users = (
        'port: {port}\nnet: 127.0.0.1\nauthorization {{ users = [ {{ user: a, password: a\n'
        ' permissions {{ subscribe: {{ deny: "{denied}" }} }} }} ] }}\n'
    )
    port = free_port()
    config = process.config(users.format(port=port, denied="other"))
    child = process.start("-c", config)
    eventually(lambda: answering(port))
    client = server.Wire(port, '{"verbose":false,"user":"a","pass":"a"}')
    client.send(b"SUB news 1\r\n")
    client.sync()
    process.config(users.format(port=port, denied="news"))
    child.send_signal(signal.SIGHUP)
    client.socket.settimeout(5)
    assert b'Permissions Violation for Subscription to "news"' in client.line()
    client.close()


def test_signal_flag_puts_another_process_into_lame_duck_mode(process):
    config = process.config('lame_duck_duration: "30s"\nlame_duck_grace_period: "100ms"\n')
    port = free_port()
    child = process.start("-a", "127.0.0.1", "-p", port, "-c", config)
    eventually(lambda: answering(port))
    client = server.Wire(port, '{"verbose":false,"protocol":1}')
    done = process.run("--signal", f"ldm={child.pid}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    client.socket.settimeout(5)
    told = client.line()
    while b'"ldm":true' not in told:
        assert told.startswith(b"INFO "), told
        told = client.line()
    assert client.line() == b""
    client.close()
    assert child.wait(5) == 0


def test_trace_shows_each_subscription_once(process):
    log = process.directory / "server.log"
    port = free_port()
    process.start("-a", "127.0.0.1", "-p", port, "-DV", "-l", log)
    eventually(lambda: answering(port))
    client = server.Wire(port)
    client.send(b"SUB once 1\r\nSUB twice 2\r\nSUB twice 3\r\n")
    client.sync()
    client.close()
    seen = eventually(lambda: re.findall(r"\[SUB (\S+) \d]", log.read_text()))
    assert sorted(seen) == ["once", "twice", "twice"]


def test_payload_over_max_payload_is_refused_on_the_wire(process):
    config = process.config("max_payload: 100\n")
    port = free_port()
    process.start("-a", "127.0.0.1", "-p", port, "-c", config)
    assert eventually(lambda: answering(port))["max_payload"] == 100
    client = server.Wire(port)
    client.send(b"SUB a 1\r\nPUB a 100\r\n" + bytes(100) + b"\r\n")
    assert client.line() == b"MSG a 1 100\r\n"
    assert client.exactly(102) == bytes(100) + b"\r\n"
    client.send(b"PUB a 101\r\n")
    assert client.line() == b"-ERR 'Maximum Payload Violation'\r\n"
    assert client.line() == b""
    client.close()
