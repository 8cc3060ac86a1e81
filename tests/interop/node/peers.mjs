// Clients of one server over one transport.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { wsconnect } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import WebSocket from "ws";

export const TRANSPORTS = ["tcp", "tls", "ws", "wss"];

/** True if the transport is encrypted. */
export function isEncrypted(transport) {
  return transport === "tls" || transport === "wss";
}

/** What a client trusts and shows: one CA, and optionally a certificate of its own. */
export function trust(certificates, { ca = "ca", identity = null } = {}) {
  const read = (name) => readFileSync(join(certificates, name), "utf8");
  const options = { ca: read(`${ca}.pem`) };
  if (identity !== null) {
    options.cert = read(`${identity}.pem`);
    options.key = read(`${identity}.key`);
  }
  return options;
}

/** Makes clients with one set of connection options, and closes them together. */
export class Peers {
  #clients = [];

  /** Why WebSockets failed: the client library keeps it to itself. */
  socketErrors = [];

  constructor(broker, transport, tls = undefined) {
    this.broker = broker;
    this.transport = transport;
    this.tls = tls;
  }

  /** A connected client. It does not reconnect unless `options` say so. */
  async connect(options = {}) {
    const common = {
      servers: this.broker.url(this.transport),
      reconnect: false,
      timeout: 5_000,
      ...options,
    };
    const client = this.transport.startsWith("ws")
      ? await wsconnect({ ...common, wsFactory: (url) => this.#webSocket(url) })
      : await connect({ ...common, tls: this.tls });
    this.#clients.push(client);
    return client;
  }

  // Node 20 has no WebSocket of its own, and the one of later versions takes no CA.
  async #webSocket(url) {
    const address = /^wss?:/.test(url) ? url : `${this.transport}://${url}`;
    const socket = new WebSocket(address, this.tls);
    socket.on("error", (error) => this.socketErrors.push(error.message));
    return { socket, encrypted: this.transport === "wss" };
  }

  /** Closes every client made so far. */
  async close() {
    await Promise.all(this.#clients.map((client) => client.close()));
    this.#clients = [];
  }
}

/** The next `count` messages of a subscription. */
export async function take(subscription, count) {
  const messages = [];
  for await (const message of subscription) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

/** A promise for the first status event of `client` that is of this type. */
export function event(client, type) {
  const statuses = client.status();
  return (async () => {
    for await (const status of statuses) {
      if (status.type === type) return status;
    }
    throw new Error(`closed before a status event "${type}"`);
  })();
}

/** Settles like `promise`, or fails after a number of milliseconds. */
export async function within(milliseconds, promise) {
  let timer;
  const limit = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`nothing within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
