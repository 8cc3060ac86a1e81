// The server under test as a process: its config, its ports, its life.
//
// The program is named by NERVURE_TEST_SERVER (any executable that takes nats-server's flags and
// config); without it, the newest `nervure` built in this repository is used. Readiness and ports
// are read from standard error, as the JavaScript client's own suite does it.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const INTEROP = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const REPOSITORY = resolve(INTEROP, "../..");

const START_MS = 10_000;
const STOP_MS = 10_000;

const CLIENT_LINE = /Listening for client connections on (.+):(\d+)/;
const WEBSOCKET_LINE = /Listening for websocket clients on (wss?):\/\/(.+):(\d+)/;
const READY_LINE = /Server is ready/;

/** The absolute path of the server executable under test. */
export function program() {
  const named = process.env.NERVURE_TEST_SERVER;
  if (named) {
    if (!existsSync(named)) throw new Error(`NERVURE_TEST_SERVER names no file: ${named}`);
    return resolve(named);
  }
  return builtNervure();
}

/** The absolute path of the newest `nervure` built in this repository. */
export function builtNervure() {
  const built = ["release", "debug"]
    .map((profile) => join(REPOSITORY, "target", profile, "nervure"))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (built.length === 0) throw new Error("set NERVURE_TEST_SERVER, or build the server first");
  return built[0];
}

const directories = [];
process.on("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A new directory that goes away with this process. */
export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "interop-node-"));
  directories.push(directory);
  return directory;
}

/** Writes a fresh CA and the certificates it signed to a new directory; returns its path. */
export function makeCertificates() {
  const directory = temporaryDirectory();
  execFileSync(join(INTEROP, "make-certs.sh"), [directory]);
  return directory;
}

/**
 * One server process with a client and a WebSocket listener on random ports of 127.0.0.1.
 *
 * `settings` is config text added as it is; `certificates` turns TLS on for both listeners, and
 * `verify` then demands a client certificate. Later starts keep the ports of the first one.
 */
export class Broker {
  constructor({ settings = "", certificates = null, verify = false } = {}) {
    this.directory = temporaryDirectory();
    this.settings = settings;
    this.tls = certificates === null ? null : tlsBlock(certificates, verify);
    this.ports = { client: -1, websocket: -1 };
  }

  /** Starts the process and waits until it says that it is ready. */
  async start() {
    const child = spawn(program(), ["-c", this.#writeConfig(), "--addr", "127.0.0.1"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.process = child;
    this.exit = new Promise((done) => child.once("exit", (code) => done(code)));
    this.log = "";
    await new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`not ready: ${this.log}`)), START_MS);
      child.once("error", fail);
      child.once("exit", () => fail(new Error(`ended while starting: ${this.log}`)));
      let unread = "";
      child.stderr.setEncoding("utf8");
      // Keeps reading for ever: a full pipe must not be what stops a server.
      child.stderr.on("data", (text) => {
        this.log += text;
        const lines = (unread + text).split("\n");
        unread = lines.pop();
        for (const line of lines) {
          if (this.#learn(line)) {
            clearTimeout(timer);
            done();
          }
        }
      });
    });
    return this;
  }

  /** Takes the ports from a log line; true if it is the line that says ready. */
  #learn(line) {
    const client = CLIENT_LINE.exec(line);
    if (client) this.ports.client = Number(client[2]);
    const websocket = WEBSOCKET_LINE.exec(line);
    if (websocket) this.ports.websocket = Number(websocket[3]);
    return READY_LINE.test(line) && this.ports.client > 0 && this.ports.websocket > 0;
  }

  #writeConfig() {
    const path = join(this.directory, "server.conf");
    writeFileSync(
      path,
      `port = ${this.ports.client}
      ${this.tls ?? ""}
      websocket
      {
        listen = "127.0.0.1:${this.ports.websocket}" // the port is random at first
        ${this.tls ?? "no_tls = true"}
      }
      ${this.settings}
      `,
    );
    return path;
  }

  signal(name) {
    this.process.kill(name);
  }

  /** Asks the process to end, and kills it if it does not; returns its exit status. */
  async stop() {
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
    const status = await this.exit;
    clearTimeout(timer);
    return status;
  }

  /** Ends the process without a chance to say goodbye. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.exit;
  }

  /** The URL for a client of this transport (tcp, tls, ws or wss). */
  url(transport) {
    switch (transport) {
      case "tcp":
        return `nats://127.0.0.1:${this.ports.client}`;
      case "tls":
        return `tls://127.0.0.1:${this.ports.client}`;
      default:
        return `${transport}://127.0.0.1:${this.ports.websocket}`;
    }
  }
}

function tlsBlock(certificates, verify) {
  const client = verify ? `ca_file = "${certificates}/ca.pem", verify = true` : "";
  return `tls {
    cert_file = "${certificates}/server.pem", key_file = "${certificates}/server.key"
    ${client}
  }`;
}
