// SPDX-License-Identifier: Apache-2.0
// nats.js in a real browser over WebSocket; ../websocket_browser_test.py starts the servers.
//
// usage: websocket.mjs '{"chromium": ..., "url": ..., "tls_url": ..., "proxy_url": ..., ...}'
//
// Prints "PASS <scenario>" or "FAIL <scenario>: <why>" for each. When it needs the server restarted it prints
// RESTART.

import { createServer } from "node:http";

import { bundle } from "./bundle.mjs";
import { launch } from "./chromium.mjs";

const config = JSON.parse(process.argv[2]);
const script = bundle("nats", "@nats-io/nats-core");
const browser = await launch(config.chromium);

// The pages come over a socket: chromium lets only such ones connect to the loopback address.
function serve(origin) {
  const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<title>page</title>"));
  const { hostname, port } = new URL(origin);
  return new Promise((yes) => server.listen({ host: hostname, port }, yes));
}

// A page of this origin with nats.js in it.
async function open(origin, cookies = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, url: origin })));
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${origin}/`);
  await page.addScriptTag({ content: script });
  await page.addScriptTag({ content: `(${helpers})();` });
  return page;
}

// Runs in the page.
function helpers() {
  const waitMs = 15_000;
  globalThis.check = (good, what) => {
    if (!good) throw new Error(what);
  };
  globalThis.equal = (got, wanted, what) => check(got === wanted, `${what}: ${got}, not ${wanted}`);
  globalThis.connect = (url, options = {}) =>
    nats.wsconnect({
      servers: url, reconnectTimeWait: 20, reconnectJitter: 0, maxReconnectAttempts: 500, timeout: waitMs, ...options,
    });
  globalThis.within = (promise, what) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`no ${what} in time`)), waitMs))]);
  // Reads one subscription message by message.
  globalThis.reader = (subscription) => {
    const messages = subscription[Symbol.asyncIterator]();
    return async () => (await within(messages.next(), "message")).value;
  };
  globalThis.roundTrip = async (connection) => {
    const next = reader(connection.subscribe("ws.round"));
    await connection.flush();
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * i);
    connection.publish("ws.round", bytes);
    const { data } = await next();
    check(data.length === bytes.length && data.every((byte, i) => byte === bytes[i]), "a payload is unchanged");
  };
}

// What every application does; the login comes from cookies.
async function traffic({ url }) {
  const [sender, receiver] = [await connect(url), await connect(url)];
  const next = reader(receiver.subscribe("ws.plain.*"));
  receiver.subscribe("ws.echo", { callback: (_, request) => request.respond(request.data) });
  await receiver.flush();
  for (let i = 0; i < 1000; i++) sender.publish(`ws.plain.${i % 3}`, String(i));
  for (let i = 0; i < 1000; i++) equal((await next()).string(), String(i), "messages in order");
  for (let i = 0; i < 50; i++) equal((await sender.request("ws.echo", String(i))).string(), String(i), "reply");
  const refused = await sender.request("ws.nobody").catch((error) => error);
  check(refused instanceof nats.errors.NoRespondersError ||
    refused.cause instanceof nats.errors.NoRespondersError, `nobody answers, but ${refused}`);
  const large = new Uint8Array(1 << 20).fill(7);
  sender.publish("ws.plain.large", large);
  equal((await next()).data.length, large.length, "size of the largest payload");
  await sender.close();
  await receiver.close();
}

async function drain({ url }) {
  const [sender, receiver] = [await connect(url), await connect(url)];
  let count = 0;
  receiver.subscribe("ws.drain", { callback: () => count++ });
  await receiver.flush();
  for (let i = 0; i < 1000; i++) sender.publish("ws.drain", "x");
  await sender.flush();
  await within(receiver.drain(), "end of drain");
  equal(count, 1000, "messages before the end of drain");
  await sender.close();
}

async function reconnect({ url }) {
  const connection = await connect(url);
  const next = reader(connection.subscribe("ws.again"));
  await connection.flush();
  const reconnected = (async () => {
    for await (const status of connection.status()) {
      if (status.type === "reconnect") return;
    }
  })();
  restart();
  await within(reconnected, "reconnect");
  connection.publish("ws.again", "x");
  equal((await next()).string(), "x", "the subscription lives on");
  await connection.close();
}

async function compression({ url }) {
  const socket = new WebSocket(url);
  const opened = new Promise((yes, no) => Object.assign(socket, { onopen: yes, onerror: no }));
  await within(opened, "connection");
  equal(socket.extensions, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", "extensions");
  const closed = new Promise((yes) => (socket.onclose = yes));
  socket.close(1000, "bye");
  const { code, reason, wasClean } = await within(closed, "close");
  equal(`${code} ${reason} ${wasClean}`, "1000 bye true", "the end");
  const connection = await connect(url);
  await roundTrip(connection);
  await connection.close();
}

async function refusedOrigin({ url }) {
  const error = await connect(url, { reconnect: false, maxReconnectAttempts: 0 }).then(() => null, (why) => why);
  check(error, "a page of another origin got in");
}

async function refusedCookie({ url }) {
  const error = await connect(url, { reconnect: false, maxReconnectAttempts: 0 }).then(() => null, (why) => why);
  check(/authorization/i.test(String(error)), `wrong cookies: ${error}`);
}

async function encrypted({ tls_url }) {
  const connection = await connect(tls_url);
  equal(connection.info.tls_required, true, "tls_required of INFO");
  await roundTrip(connection);
  await connection.close();
}

async function proxied({ proxy_url }) {
  const connection = await connect(proxy_url);
  await roundTrip(connection);
  await connection.close();
}

const good = { user: "joe", pass: "secret" };
// name -> what runs in the page, the page's origin, its cookies
const scenarios = {
  traffic: [traffic, config.origin, good],
  drain: [drain, config.origin, good],
  reconnect: [reconnect, config.origin, good],
  compression: [compression, config.origin, good],
  refused_origin: [refusedOrigin, config.other_origin, good],
  refused_cookie: [refusedCookie, config.origin, { ...good, pass: "wrong" }],
  encrypted: [encrypted, config.origin, {}],
  ...(config.proxy_url ? { proxied: [proxied, config.proxy_origin, good] } : {}),
};
for (const origin of [config.origin, config.other_origin]) await serve(origin);
for (const [name, [run, origin, cookies]] of Object.entries(scenarios)) {
  try {
    const page = await open(origin, cookies);
    await page.exposeFunction("restart", () => console.log("RESTART"));
    await page.evaluate(run, config);
    await page.context().close();
    console.log(`PASS ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}: ${error.message}`);
  }
}
await browser.close();
process.exit();
