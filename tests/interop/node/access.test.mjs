// Who is let in: passwords, tokens, nkeys, permissions and certificates.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { credsAuthenticator, errors, nkeyAuthenticator, nkeys } from "@nats-io/nats-core";

import { Broker, makeCertificates } from "./broker.mjs";
import { makeOperator } from "./operator.mjs";
import { isEncrypted, Peers, take, TRANSPORTS, trust } from "./peers.mjs";

const OPTIONS = { timeout: 20_000 };
const TOKEN = "a token with spaces";
const ALICE = { user: "alice", pass: "al1ce pass" };
const BOB = { user: "bob", pass: "b0b pass" };
const DAVE = { user: "dave", pass: "d4ve pass" };
const CAROL = nkeys.createUser();
const MALLORY = nkeys.createUser();

// Bob's password is stored as the bcrypt hash of "b0b pass", cost 4.
const USERS = `
authorization {
  users = [
    { user: alice, password: "al1ce pass" }
    { user: bob, password: "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq" }
    { user: dave, password: "d4ve pass",
      permissions: { publish: "open.>", subscribe: ["open.>", "_INBOX.>"] } }
    { nkey: ${CAROL.getPublicKey()} }
  ]
}`;

const withKey = (user) => ({ authenticator: nkeyAuthenticator(user.getSeed()) });

const NOT_THESE_USERS = {
  "a wrong password": { user: "alice", pass: "b0b pass" },
  "a wrong password of a hashed user": { user: "bob", pass: "al1ce pass" },
  "an unknown user": { user: "carol", pass: "al1ce pass" },
  "a token": { token: TOKEN },
  "a stranger's nkey": withKey(MALLORY),
  "nothing": {},
};
const NOT_THIS_TOKEN = {
  "a wrong token": { token: "a token with space" },
  "a user": ALICE,
  "nothing": {},
};

for (const transport of TRANSPORTS) {
  describe(`access over ${transport}`, () => {
    let usersBroker, tokenBroker, users, token;

    before(async () => {
      const certificates = isEncrypted(transport) ? makeCertificates() : null;
      const tls = certificates ? trust(certificates) : undefined;
      usersBroker = await new Broker({ settings: USERS, certificates }).start();
      const settings = `authorization { token: "${TOKEN}" }`;
      tokenBroker = await new Broker({ settings, certificates }).start();
      users = new Peers(usersBroker, transport, tls);
      token = new Peers(tokenBroker, transport, tls);
    });
    after(() => Promise.all([usersBroker.stop(), tokenBroker.stop()]));
    afterEach(() => Promise.all([users.close(), token.close()]));

    const letsIn = (claim, peers, credentials) =>
      test(`${claim} (${transport})`, OPTIONS, async () => {
        const client = await peers().connect(credentials);
        const subscription = client.subscribe("open.door");
        client.publish("open.door", "in");
        assert.equal((await take(subscription, 1))[0].string(), "in");
      });
    const refuses = (claim, peers, credentials) =>
      test(`${claim} (${transport})`, OPTIONS, () =>
        assert.rejects(peers().connect(credentials), errors.AuthorizationError));

    letsIn("user with the right password is let in", () => users, ALICE);
    letsIn("user with the right hashed password is let in", () => users, BOB);
    letsIn("user who signs the nonce with the right nkey is let in", () => users, withKey(CAROL));
    letsIn("right token is let in", () => token, { token: TOKEN });
    for (const [name, credentials] of Object.entries(NOT_THESE_USERS)) {
      refuses(`${name} is refused where users are known`, () => users, credentials);
    }
    for (const [name, credentials] of Object.entries(NOT_THIS_TOKEN)) {
      refuses(`${name} is refused where a token is wanted`, () => token, credentials);
    }

    test(`denied publish and subscribe are reported (${transport})`, OPTIONS, async () => {
      const [alice, dave] = [await users.connect(ALICE), await users.connect(DAVE)];
      const watch = alice.subscribe(">");
      await alice.flush();
      const reports = [];
      const listening = (async () => {
        for await (const status of dave.status()) {
          if (status.type === "error") reports.push(status.error);
        }
      })();
      const eavesdrop = dave.subscribe("closed.room");
      const told = assert.rejects(take(eavesdrop, 1), errors.PermissionViolationError);
      dave.publish("closed.room", "forbidden");
      dave.publish("open.room", "allowed");
      await dave.flush();
      assert.equal((await take(watch, 1))[0].string(), "allowed");
      await told;
      await dave.close();
      await listening;
      assert.deepEqual(
        reports.map(({ operation, subject }) => [operation, subject]),
        [["subscription", "closed.room"], ["publish", "closed.room"]],
      );
    });
  });
}

describe("operator mode", () => {
  let broker, operator;

  before(async () => {
    operator = makeOperator();
    broker = await new Broker({ settings: operator.settings }).start();
  });
  after(async () => {
    await broker.stop();
    operator.remove();
  });

  const withFile = (content) => ({ authenticator: credsAuthenticator(content) });

  for (const transport of ["tcp", "ws"]) {
    test(`user with a credentials file is let in (${transport})`, OPTIONS, async () => {
      const peers = new Peers(broker, transport);
      const client = await peers.connect(withFile(operator.credentials("app")));
      const subscription = client.subscribe("door");
      client.publish("door", "in");
      assert.equal((await take(subscription, 1))[0].string(), "in");
      await peers.close();
    });

    test(`user of an unknown account is refused (${transport})`, OPTIONS, async () => {
      const peers = new Peers(broker, transport);
      const credentials = withFile(operator.credentials("stranger"));
      await assert.rejects(peers.connect(credentials), errors.AuthorizationError);
      await peers.close();
    });
  }
});

describe("mutual TLS", () => {
  let broker, certificates;

  before(async () => {
    certificates = makeCertificates();
    broker = await new Broker({ certificates, verify: true }).start();
  });
  after(() => broker.stop());

  for (const transport of ["tls", "wss"]) {
    test(`client with a trusted certificate is let in (${transport})`, OPTIONS, async () => {
      const peers = new Peers(broker, transport, trust(certificates, { identity: "client" }));
      const client = await peers.connect();
      const subscription = client.subscribe("door");
      client.publish("door", "in");
      assert.equal((await take(subscription, 1))[0].string(), "in");
      await peers.close();
    });

    for (const [name, identity] of [["no", null], ["a stranger's", "intruder"]]) {
      test(`client with ${name} certificate is refused (${transport})`, OPTIONS, async () => {
        const peers = new Peers(broker, transport, trust(certificates, { identity }));
        await assert.rejects(peers.connect(), (error) => !(error instanceof errors.TimeoutError));
      });
    }

    test(`client refuses a server of another authority (${transport})`, OPTIONS, async () => {
      const options = { ca: "stranger", identity: "client" };
      const peers = new Peers(broker, transport, trust(certificates, options));
      await assert.rejects(peers.connect(), (error) => {
        const reasons = [...peers.socketErrors];
        for (let cause = error; cause; cause = cause.cause) reasons.push(cause.message);
        assert.match(reasons.join("; "), /certificate/i);
        return true;
      });
    });
  }
});
