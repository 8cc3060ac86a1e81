// What clients live through when their server goes away: restarts and lame duck mode.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as dial } from "node:net";
import { describe, test } from "node:test";

import { Broker, makeCertificates } from "./broker.mjs";
import { event, isEncrypted, Peers, take, TRANSPORTS, trust, within } from "./peers.mjs";

const OPTIONS = { timeout: 20_000 };
const LAME_DUCK = `
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
`;

async function withBroker(transport, settings, body) {
  const certificates = isEncrypted(transport) ? makeCertificates() : null;
  const broker = await new Broker({ settings, certificates }).start();
  const peers = new Peers(broker, transport, certificates ? trust(certificates) : undefined);
  try {
    await body(broker, peers);
  } finally {
    await peers.close();
    await broker.stop();
  }
}

for (const transport of TRANSPORTS) {
  describe(`life over ${transport}`, () => {
    for (const ending of ["stop", "kill"]) {
      test(`clients reconnect after a ${ending} and a start (${transport})`, OPTIONS, () =>
        withBroker(transport, "", async (broker, peers) => {
          const subscriber = await peers.connect({
            reconnect: true,
            reconnectTimeWait: 50,
            maxReconnectAttempts: -1,
          });
          const plain = subscriber.subscribe("life.*");
          const queue = subscriber.subscribe("life.a", { queue: "workers" });
          subscriber.subscribe("life.ask.me", {
            callback: (_, message) => message.respond("still here"),
          });
          await subscriber.flush();

          const ports = { ...broker.ports };
          const disconnected = event(subscriber, "disconnect");
          const reconnected = event(subscriber, "reconnect");
          await broker[ending]();
          await within(5_000, disconnected);
          await broker.start();
          assert.deepEqual(broker.ports, ports);
          await within(5_000, reconnected);

          await subscriber.flush();
          const publisher = await peers.connect();
          publisher.publish("life.a", "after");
          assert.equal((await take(plain, 1))[0].string(), "after");
          assert.equal((await take(queue, 1))[0].string(), "after");
          const reply = await publisher.request("life.ask.me", "", { timeout: 5_000 });
          assert.equal(reply.string(), "still here");
        }));
    }

    test(`lame duck is announced, then clients go one by one (${transport})`, OPTIONS, () =>
      withBroker(transport, LAME_DUCK, async (broker, peers) => {
        const clients = [await peers.connect(), await peers.connect()];
        const subscription = clients[0].subscribe("pond");
        await clients[0].flush();
        const announced = clients.map((client) => event(client, "ldm"));

        broker.signal("SIGUSR2");
        await within(2_000, Promise.all(announced));
        const late = dial(broker.ports.client, "127.0.0.1");
        const [refusal] = await once(late, "error");
        assert.equal(refusal.code, "ECONNREFUSED");
        clients[1].publish("pond", "within the grace period");
        assert.equal((await take(subscription, 1))[0].string(), "within the grace period");

        await within(5_000, Promise.all(clients.map((client) => client.closed())));
        assert.equal(await within(5_000, broker.exit), 0);
      }));
  });
}
