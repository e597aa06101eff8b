// SPDX-License-Identifier: Apache-2.0
// Scenarios for nats.js against a running server; ../README.md has the list.
//
// usage: scenarios.mjs URL

import { readFileSync } from "node:fs";

import {
  connect as natsConnect,
  credsAuthenticator,
  errors,
  headers as natsHeaders,
  nkeyAuthenticator,
} from "@nats-io/transport-node";

const waitMs = 10_000;
const largePayload = 1 << 20;

function check(good, what) {
  if (!good) throw new Error(what);
}

const { NATS_CA: caFile, NATS_CERT: certFile, NATS_KEY: keyFile } = process.env;

function login() {
  const { NATS_CREDS, NATS_SEED, NATS_USER, NATS_PASS, NATS_TOKEN } = process.env;
  if (NATS_CREDS) return { authenticator: credsAuthenticator(readFileSync(NATS_CREDS)) };
  if (NATS_SEED) return { authenticator: nkeyAuthenticator(readFileSync(NATS_SEED)) };
  if (NATS_USER) return { user: NATS_USER, pass: NATS_PASS };
  if (NATS_TOKEN) return { token: NATS_TOKEN };
  return {};
}

function connect(url) {
  return natsConnect({
    servers: url,
    ...login(),
    ...(caFile ? { tls: { caFile, certFile, keyFile } } : {}),
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    maxReconnectAttempts: 500,
  });
}

async function subscribe(connection, subject, options) {
  const subscription = connection.subscribe(subject, options);
  await connection.flush();
  return subscription;
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in time`)), waitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Reads one subscription message by message.
function reader(subscription) {
  const messages = subscription[Symbol.asyncIterator]();
  return async () => (await within(messages.next(), "message")).value;
}

async function connects(url) {
  const connection = await connect(url);
  check(connection.info.max_payload === largePayload, "max_payload of INFO");
  await connection.close();
}

async function publishSubscribe(url) {
  const sender = await connect(url);
  const receiver = await connect(url);
  const next = reader(await subscribe(receiver, "js.plain"));
  for (let i = 0; i < 1000; i++) sender.publish("js.plain", String(i));
  for (let i = 0; i < 1000; i++) {
    check((await next()).string() === String(i), "messages in order");
  }
  await sender.close();
  await receiver.close();
}

async function wildcard(url) {
  const connection = await connect(url);
  const star = reader(await subscribe(connection, "js.wild.*.end"));
  const rest = reader(await subscribe(connection, "js.wild.>"));
  connection.publish("js.wild.a.b", "1");
  connection.publish("js.wild.a.end", "2");
  check((await star()).string() === "2", "star");
  check((await rest()).string() === "1", "rest, first");
  check((await rest()).string() === "2", "rest, second");
  await connection.close();
}

async function queueGroup(url) {
  const messages = 300;
  const sender = await connect(url);
  const receiver = await connect(url);
  const shares = [0, 0, 0];
  for (const member of shares.keys()) {
    await subscribe(receiver, "js.queue", { queue: "group", callback: () => shares[member]++ });
  }
  for (let i = 0; i < messages; i++) sender.publish("js.queue", "x");
  await sender.flush();
  await receiver.flush();
  check(shares.every((share) => share > 0), `every member gets a share: ${shares}`);
  check(shares.reduce((a, b) => a + b) === messages, `each message goes to one member: ${shares}`);
  await sender.close();
  await receiver.close();
}

async function requestReply(url) {
  const server = await connect(url);
  const client = await connect(url);
  await subscribe(server, "js.echo", { callback: (_, request) => request.respond(request.data) });
  for (let i = 0; i < 100; i++) {
    const reply = await client.request("js.echo", String(i), { timeout: waitMs });
    check(reply.string() === String(i), "reply");
  }
  await server.close();
  await client.close();
}

async function headers(url) {
  const connection = await connect(url);
  const next = reader(await subscribe(connection, "js.headers"));
  const sent = natsHeaders();
  sent.append("Key", "one");
  sent.append("Key", "two");
  connection.publish("js.headers", "body", { headers: sent });
  const message = await next();
  check(String(message.headers.values("Key")) === "one,two", "both values");
  check(message.string() === "body", "body");
  await connection.close();
}

async function noResponders(url) {
  const connection = await connect(url);
  const error = await connection.request("js.nobody", "x", { timeout: waitMs }).then(
    () => new Error("somebody answered"),
    (reason) => reason,
  );
  const isNoResponders = error instanceof errors.NoRespondersError ||
    error.cause instanceof errors.NoRespondersError;
  check(isNoResponders, `no responders, but ${error}`);
  await connection.close();
}

async function drain(url) {
  const messages = 1000;
  const sender = await connect(url);
  const receiver = await connect(url);
  let count = 0;
  await subscribe(receiver, "js.drain", { callback: () => count++ });
  for (let i = 0; i < messages; i++) sender.publish("js.drain", "x");
  await sender.flush();
  await within(receiver.drain(), "end of drain");
  check(count === messages, `nothing is lost: ${count} of ${messages}`);
  await sender.close();
}

async function largePayloads(url) {
  const connection = await connect(url);
  const next = reader(await subscribe(connection, "js.large"));
  const payload = Uint8Array.from({ length: largePayload }, (_, i) => i * 7);
  connection.publish("js.large", payload);
  check(Buffer.compare((await next()).data, payload) === 0, "payload unchanged");
  await connection.close();
}

async function reconnect(url) {
  const connection = await connect(url);
  const next = reader(await subscribe(connection, "js.again"));
  const reconnected = (async () => {
    for await (const status of connection.status()) {
      if (status.type === "reconnect") return;
    }
  })();
  console.log("RESTART");
  await within(reconnected, "reconnect");
  connection.publish("js.again", "x");
  check((await next()).string() === "x", "the subscription lives on");
  await connection.close();
}

const scenarios = {
  connect: connects,
  publish_subscribe: publishSubscribe,
  wildcard,
  queue_group: queueGroup,
  request_reply: requestReply,
  headers,
  no_responders: noResponders,
  drain,
  large_payload: largePayloads,
  reconnect,
};

for (const [name, scenario] of Object.entries(scenarios)) {
  try {
    await scenario(process.argv[2]);
    console.log(`PASS ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name}: ${error}`);
  }
}
process.exit();
