// Publishing, subscribing and requesting with nats-core over every transport.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { errors, headers } from "@nats-io/nats-core";

import { Broker, makeCertificates } from "./broker.mjs";
import { event, isEncrypted, Peers, take, TRANSPORTS, trust, within } from "./peers.mjs";

const MEBIBYTE = 1024 * 1024;
const EVERY_OCTET = Uint8Array.from({ length: 256 }, (_, octet) => octet);
const OPTIONS = { timeout: 20_000 };

const numbers = (count) => Array.from({ length: count }, (_, number) => String(number));
const texts = (messages) => messages.map((message) => message.string());

/** The texts of what has arrived at a subscription; ends it. Ask after a flush. */
async function arrived(subscription) {
  await subscription.drain();
  const messages = [];
  for await (const message of subscription) messages.push(message.string());
  return messages;
}

for (const transport of TRANSPORTS) {
  describe(`nats-core over ${transport}`, () => {
    let broker, peers, subject;
    let cases = 0;

    before(async () => {
      const certificates = isEncrypted(transport) ? makeCertificates() : null;
      broker = await new Broker({ certificates }).start();
      peers = new Peers(broker, transport, certificates ? trust(certificates) : undefined);
    });
    after(() => broker.stop());
    afterEach(() => peers.close());

    const scenario = (claim, body) =>
      test(`${claim} (${transport})`, OPTIONS, async () => {
        subject = `case${cases++}`;
        await body();
      });

    scenario("publish reaches a subscriber of the subject only", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const wanted = subscriber.subscribe(`${subject}.a`);
      const other = subscriber.subscribe(`${subject}.b`);
      await subscriber.flush();
      publisher.publish(`${subject}.a`, "hello", { reply: `${subject}.reply` });
      const [message] = await take(wanted, 1);
      assert.equal(message.subject, `${subject}.a`);
      assert.equal(message.reply, `${subject}.reply`);
      assert.equal(message.string(), "hello");
      await subscriber.flush();
      assert.deepEqual(await arrived(other), []);
    });

    scenario("thousands of messages arrive in order", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const subscription = subscriber.subscribe(subject);
      await subscriber.flush();
      for (const number of numbers(5000)) publisher.publish(subject, number);
      assert.deepEqual(texts(await take(subscription, 5000)), numbers(5000));
    });

    scenario("wildcards match one token or the rest", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const [star, starX, aRest, rest] = ["*", "*.x", "a.>", ">"].map((pattern) =>
        subscriber.subscribe(`${subject}.${pattern}`)
      );
      await subscriber.flush();
      for (const tail of ["a", "a.x", "b.x", "a.x.y"]) {
        publisher.publish(`${subject}.${tail}`, tail);
      }
      publisher.publish(subject, "the prefix itself");
      await publisher.flush();
      await subscriber.flush();
      assert.deepEqual(await arrived(rest), ["a", "a.x", "b.x", "a.x.y"]);
      assert.deepEqual(await arrived(star), ["a"]);
      assert.deepEqual(await arrived(starX), ["a.x", "b.x"]);
      assert.deepEqual(await arrived(aRest), ["a.x", "a.x.y"]);
    });

    scenario("request gets its reply", async () => {
      const [requester, responder] = [await peers.connect(), await peers.connect()];
      const reverse = (text) => [...text].reverse().join("");
      responder.subscribe(subject, { callback: (_, message) => {
        message.respond(reverse(message.string()));
      } });
      await responder.flush();
      for (const noMux of [false, true]) {
        const replies = await Promise.all(numbers(50).map((number) =>
          requester.request(subject, `${number}-`, { timeout: 5_000, noMux })
        ));
        assert.deepEqual(texts(replies), numbers(50).map((number) => reverse(`${number}-`)));
      }
    });

    scenario("scatter-gather hears every responder", async () => {
      const requester = await peers.connect();
      for (const number of numbers(4)) {
        const responder = await peers.connect();
        responder.subscribe(subject, { callback: (_, message) => {
          message.respond(`responder ${number}`);
        } });
        await responder.flush();
      }
      const replies = [];
      const options = { strategy: "count", maxMessages: 4, maxWait: 5_000 };
      for await (const reply of await requester.requestMany(subject, "who?", options)) {
        replies.push(reply.string());
      }
      assert.deepEqual(replies.sort(), numbers(4).map((number) => `responder ${number}`));
    });

    scenario("request without responders fails at once", async () => {
      const requester = await peers.connect();
      for (const noMux of [false, true]) {
        await assert.rejects(
          within(5_000, requester.request(subject, "anybody?", { timeout: 15_000, noMux })),
          (error) => error instanceof errors.NoRespondersError || error.isNoResponders(),
        );
      }
    });

    scenario("queue group shares each message once among all members", async () => {
      const publisher = await peers.connect();
      const clients = [await peers.connect(), await peers.connect(), await peers.connect()];
      const members = clients.map((client) => client.subscribe(subject, { queue: "workers" }));
      for (const client of clients) await client.flush();
      const otherGroup = publisher.subscribe(subject, { queue: "others" });
      const plain = publisher.subscribe(subject);
      for (const number of numbers(300)) publisher.publish(subject, number);
      await publisher.flush();
      for (const client of clients) await client.flush();
      assert.deepEqual(await arrived(plain), numbers(300));
      assert.deepEqual(await arrived(otherGroup), numbers(300));
      const shares = await Promise.all(members.map(arrived));
      assert.deepEqual(shares.flat().sort(), numbers(300).sort());
      assert.ok(shares.every((share) => share.length > 0), `${shares.map((s) => s.length)}`);
    });

    scenario("unsubscribe after a limit stops delivery", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const limited = subscriber.subscribe(subject, { max: 3 });
      await subscriber.flush();
      const before = subscriber.stats().inMsgs;
      for (const number of numbers(10)) publisher.publish(subject, number);
      await publisher.flush();
      await subscriber.flush();
      assert.deepEqual(texts(await take(limited, 3)), numbers(3));
      // The client drops what comes beyond the limit; the server must not have sent it.
      assert.equal(subscriber.stats().inMsgs - before, 3);
    });

    scenario("headers arrive with their case and repeated values", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const subscription = subscriber.subscribe(subject);
      await subscriber.flush();
      const sent = headers();
      sent.append("Key", "one");
      sent.append("key", "two");
      sent.append("Key", "three");
      sent.append("MiXeD-CaSe", "ü ≠ u");
      sent.append("Colon", "a:b");
      publisher.publish(subject, "body", { headers: sent });
      publisher.publish(subject, "", { headers: sent });
      for (const [index, message] of (await take(subscription, 2)).entries()) {
        assert.equal(message.string(), ["body", ""][index]);
        assert.deepEqual(message.headers.toRecord(), {
          "Key": ["one", "three"],
          "key": ["two"],
          "MiXeD-CaSe": ["ü ≠ u"],
          "Colon": ["a:b"],
        });
      }
    });

    scenario("drain handles what has arrived and then closes", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const seen = [];
      const subscription = subscriber.subscribe(subject);
      const worker = (async () => {
        for await (const message of subscription) {
          await new Promise((done) => setTimeout(done, 1));
          seen.push(message.string());
          message.respond(message.string());
        }
      })();
      await subscriber.flush();
      const answers = publisher.subscribe(`${subject}.answers`);
      const reply = `${subject}.answers`;
      for (const number of numbers(100)) publisher.publish(subject, number, { reply });
      await publisher.flush();
      await subscription.drain();
      await worker;
      await subscriber.drain();
      assert.ok(subscriber.isClosed());
      assert.deepEqual(seen, numbers(100));
      assert.deepEqual(texts(await take(answers, 100)), seen);
      await assert.rejects(publisher.request(subject, "still there?", { timeout: 5_000 }));
    });

    scenario("payload of exactly max_payload passes", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const subscription = subscriber.subscribe(subject);
      await subscriber.flush();
      assert.equal(publisher.info.max_payload, MEBIBYTE);
      const payload = new Uint8Array(MEBIBYTE).map((_, index) => index % 251);
      publisher.publish(subject, payload);
      const [message] = await take(subscription, 1);
      assert.equal(Buffer.compare(message.data, payload), 0);
    });

    scenario("payload over max_payload is refused by the client", async () => {
      const publisher = await peers.connect();
      assert.throws(
        () => publisher.publish(subject, new Uint8Array(MEBIBYTE + 1)),
        errors.InvalidArgumentError,
      );
      await publisher.flush();
      assert.equal(publisher.isClosed(), false);
    });

    scenario("payload over max_payload is refused by the server", async () => {
      const publisher = await peers.connect();
      const report = event(publisher, "error");
      // Only the control line, past the client's own check. With the payload behind it, the
      // server's close would reset the connection, and the error text could be lost.
      publisher.protocol.sendCommand(`PUB ${subject} ${MEBIBYTE + 1}\r\n`);
      await within(5_000, publisher.closed());
      assert.match((await report).error.message, /Maximum Payload Violation/i);
    });

    scenario("binary payloads arrive unchanged", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const subscription = subscriber.subscribe(subject);
      await subscriber.flush();
      const payloads = [
        new Uint8Array(0),
        Uint8Array.of(0),
        EVERY_OCTET,
        new TextEncoder().encode("\r\nMSG x 1 1\r\n"),
        new Uint8Array(1000).fill(255),
      ];
      for (const payload of payloads) publisher.publish(subject, payload);
      const got = (await take(subscription, payloads.length)).map(({ data }) => Buffer.from(data));
      assert.deepEqual(got, payloads.map((payload) => Buffer.from(payload)));
    });

    scenario("UTF-8 subjects are routed and matched", async () => {
      const [publisher, subscriber] = [await peers.connect(), await peers.connect()];
      const exact = subscriber.subscribe(`${subject}.größe.日本`);
      const wild = subscriber.subscribe(`${subject}.*.日本`);
      await subscriber.flush();
      publisher.publish(`${subject}.größe.日本`, "√");
      publisher.publish(`${subject}.große.日本`, "other");
      assert.deepEqual(texts(await take(wild, 2)), ["√", "other"]);
      assert.deepEqual(await arrived(exact), ["√"]);
    });

    scenario("no echo hides own messages only", async () => {
      const [other, quiet] = [await peers.connect(), await peers.connect({ noEcho: true })];
      const own = quiet.subscribe(subject);
      const theirs = other.subscribe(subject);
      await Promise.all([quiet.flush(), other.flush()]);
      quiet.publish(subject, "from myself");
      await quiet.flush();
      other.publish(subject, "from another");
      await other.flush();
      await quiet.flush();
      assert.deepEqual(await arrived(theirs), ["from myself", "from another"]);
      assert.deepEqual(await arrived(own), ["from another"]);
    });
  });
}
