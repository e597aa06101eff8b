// SPDX-License-Identifier: Apache-2.0
// Scenarios of the dashboard in a real browser; ../browser_test.py starts the servers and the load.
//
// usage: dashboard.mjs SCENARIO '{"url": ..., "chromium": ..., ...}'
//
// Exits 0 when the scenario holds, else 1 with the reason. When it needs something done to the server it
// prints one word (STOP, START) and goes on when a line comes back.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { launch } from "./chromium.mjs";

const [, , scenario, json] = process.argv;
const config = JSON.parse(json);
const deadlineMs = 20_000;
const desk = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };

const browser = await launch(config.chromium);
const complaints = [];

function check(good, what) {
  if (!good) throw new Error(what);
}
function equal(got, wanted, what) {
  check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}
function near(got, wanted, share, what) {
  check(Math.abs(got - wanted) <= wanted * share, `${what}: ${got}, but ${wanted} is right`);
}

// A page whose errors count against the scenario. An endpoint that the server lacks is reported by the
// browser as an error too: expected for those that `config.lacks` names.
async function open(options = {}, url = config.url) {
  const context = await browser.newContext({ viewport: desk, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(deadlineMs);
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const address = message.location().url || "";
    if (message.text().includes("404") && config.lacks.some((path) => address.includes(`/${path}`))) return;
    complaints.push(`console: ${message.text()} (${address})`);
  });
  await page.goto(url);
  return page;
}

const getJson = async (path) => (await fetch(config.url + path)).json();

// "12.3 k", "1.53 MB", "1,234" -> number
function figure(text) {
  const [, digits, unit] = /([\d.,]+)\s*([kMGT]?)/.exec(text) || [];
  return Number(digits?.replaceAll(",", "")) * { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[unit];
}
const shown = async (page, selector) => figure(await page.textContent(selector));

const rowsOf = (page, table) =>
  page.$$eval(`#${table}-table tbody tr`, (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));

async function column(page, table, title) {
  const titles = await page.$$eval(`#${table}-table th`, (heads) => heads.map((head) => head.textContent));
  const index = titles.indexOf(title);
  check(index >= 0, `a column ${title} in ${titles}`);
  return (await rowsOf(page, table)).map((row) => row[index]);
}

// Calls until the condition holds; what it shows at the deadline is the reason.
async function until(condition, what) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await condition();
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(word) {
  console.log(word);
  check(!(await lines.next()).done, `an answer to ${word}`);
}

// Nobody ever reads the page sideways, at any width and colour.
async function fits(page) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide <= window, `no sideways scrolling: ${wide} px in a window of ${window}`);
}

async function screenshot(page, name) {
  if (config.shots) await page.screenshot({ path: `${config.shots}/${name}.png`, fullPage: name.includes("full") });
}

// ------------------------------------------------------------------------------------------ scenarios

// The figures are those of varz, of the known load, and they move.
async function figures() {
  const page = await open();
  const { per_second: perSecond, size, publisher, subscriber } = config;
  await until(async () => {
    near(await shown(page, "#messages-in"), perSecond, 0.25, "messages in per second");
    near(await shown(page, "#messages-out"), perSecond, 0.25, "messages out per second");
    near(await shown(page, "#bytes-in"), perSecond * size, 0.25, "bytes in per second");
    near(await shown(page, "#bytes-out"), perSecond * size, 0.25, "bytes out per second");
  }, "rates of the load");
  await until(async () => {
    const names = await column(page, "connections", "Name");
    const rates = await column(page, "connections", "In/s");
    near(figure(rates[names.indexOf(publisher)]), perSecond, 0.25, "rate of the publisher");
    const out = await column(page, "connections", "Out/s");
    near(figure(out[names.indexOf(subscriber)]), perSecond, 0.25, "rate of the subscriber");
  }, "rates of the connections");

  const path = () => page.getAttribute("#messages-plot path.in", "d");
  const before = await path();
  await until(async () => check((await path()) !== before, "the chart moves"), "chart");
  const label = await page.getAttribute("#messages-plot", "aria-label");
  check(/in [\d.]+ ?k?, out [\d.]+/.test(label), `a chart says its figures: ${label}`);
  await page.focus("#messages-plot");
  await page.keyboard.press("ArrowLeft");
  check((await page.textContent("#messages-in")).includes("ago"), "arrow keys read the past of a chart");
  await page.keyboard.press("Escape");
  check(!(await page.textContent("#messages-in")).includes("ago"), "Escape returns to now");

  const paused = page.locator("#pause");
  await paused.click();
  equal(await paused.getAttribute("aria-pressed"), "true", "paused");
  await paused.click();

  await ask("QUIET");
  const varz = await getJson("varz");
  const fact = async (title) => (await page.locator(`#facts div:has(dt:text-is("${title}")) dd`).textContent()).split(", ");
  await until(async () => {
    equal((await page.textContent("#messages-in")).trim(), "0 msgs/s", "no messages");
    near(figure((await page.getAttribute("#facts div:has(dt:text-is('Messages in, out')) dd", "title")).split(", ")[0]), varz.in_msgs, 0.01, "messages in");
  }, "quiet");
  equal((await fact("Max payload"))[0], "1.00 MiB", "max payload");
  equal(figure(await page.textContent("#tiles .tile:has(dt:text-is('Connections')) dd span")), varz.connections, "connections");
  equal(figure(await page.textContent("#tiles .tile:has(dt:text-is('Subscriptions')) dd span")), varz.subscriptions, "subscriptions");
}

// What only our server has; panels of what a server lacks are not there.
async function workers() {
  const page = await open();
  await page.locator("#connections-table tbody tr").first().waitFor();
  for (const [panel, source] of [["workers", "workerz"], ["latency", "workerz"], ["subjects", "topz"], ["talkers", "topz"]]) {
    if (config.lacks.includes(source)) {
      check(await page.locator(`#${panel}`).isHidden(), `no panel ${panel} without ${source}`);
    } else {
      await page.locator(`#${panel}`).waitFor();
    }
  }
  if (!config.lacks.includes("workerz")) {
    const { workers: wanted } = await getJson("workerz");
    equal(await column(page, "workers", "Worker"), wanted.map((worker) => String(worker.id)), "workers");
    await until(async () => {
      const rates = await column(page, "workers", "Out/s");
      near(rates.reduce((sum, text) => sum + figure(text), 0), config.per_second, 0.25, "workers deliver the load");
      check((await column(page, "latency", "p99")).some((text) => /\d [nµm]?s/.test(text)), "a latency");
    }, "workers");
  }
  if (!config.lacks.includes("topz")) {
    await until(async () => {
      const subjects = await column(page, "subjects", "Subject");
      equal(subjects[0], config.subject, "busiest subject");
      near(figure((await column(page, "subjects", "Msgs/s"))[0]), config.per_second, 0.25, "its rate");
      check((await column(page, "talkers", "Connection")).includes(config.publisher), "busiest connection");
    }, "talkers");
  }
}

// Other servers with their state and rates; those that are asked for in vain; one that goes.
async function peers() {
  const page = await open();
  const rows = async () => {
    const [kinds, states, names, out] = await Promise.all(
      ["Kind", "State", "Name", "Out/s"].map((title) => column(page, "peers", title)));
    return names.map((name, index) => ({ kind: kinds[index], state: states[index], name, out: figure(out[index]) }));
  };
  const find = (all, kind, name) => all.find((row) => row.kind === kind && (!name || row.name === name));
  await until(async () => {
    const all = await rows();
    equal(all.filter(({ kind }) => kind === "route").length > 0 && find(all, "route").state, "up", "the route");
    equal(find(all, "gateway", "west")?.state, "up", "the gateway");
    equal(find(all, "gateway", "north")?.state, "away", "the gateway to nobody");
    if (config.lacks.length === 0) {
      equal(find(all, "leafnode", "edge-1")?.state, "up", "the leafnode");
      equal(find(all, "hub", "hub")?.state, "up", "the hub");
    }
    equal(find(all, "hub", "127.0.0.1:1")?.state, "away", "the hub that is not there");
    equal(await page.locator("#peers-table td.bad").allTextContents(), ["away", "away"], "marked");
    check((await page.textContent("#peers-note")).endsWith(" · 2 away"), "the sum");
    near(Math.max(...all.filter(({ kind }) => kind === "gateway").map(({ out }) => out || 0)), config.per_second, 0.25, "rate to the other cluster");
  }, "peers");
  if (config.lacks.length > 0) return;
  near(find(await rows(), "leafnode", "edge-1").out, config.per_second, 0.25, "rate to the leafnode");
  await ask("STOP");
  await until(async () => check(!find(await rows(), "leafnode"), "no leafnode"), "a leafnode that has gone");
  await fits(page);
}

async function sorting() {
  const page = await open();
  const head = (title) => page.locator("#connections-table th", { hasText: new RegExp(`^${title}$`) });
  const sortedBy = async (title, compare) => {
    const values = await column(page, "connections", title);
    check(values.length >= 4, `rows to sort: ${values.length}`);
    equal(values, [...values].sort(compare), `${title} in order`);
  };
  const byText = (a, b) => a.localeCompare(b, undefined, { numeric: true });
  await page.locator("#connections-table tbody tr").nth(3).waitFor();
  equal(await head("cid").getAttribute("aria-sort"), "ascending", "order at first");
  await head("Name").getByRole("button").click();
  equal(await head("Name").getAttribute("aria-sort"), "ascending", "Name");
  equal(await head("cid").getAttribute("aria-sort"), "none", "only one column is the sorted one");
  await sortedBy("Name", byText);
  await head("Name").getByRole("button").press("Enter");
  equal(await head("Name").getAttribute("aria-sort"), "descending", "Name again");
  await sortedBy("Name", (a, b) => byText(b, a));
  await head("Subs").getByRole("button").click();
  await sortedBy("Subs", (a, b) => figure(b) - figure(a));
  // Busiest first, also with the next answer, which the server sorted.
  await head("Out/s").getByRole("button").click();
  await page.waitForResponse((response) => response.url().includes("sort=msgs_to"));
  await until(async () => equal((await column(page, "connections", "Name"))[0], config.subscriber, "busiest"), "busiest first");
  await page.fill("#filter", config.publisher);
  await until(async () => equal(await column(page, "connections", "Name"), [config.publisher], "filtered"), "filter");
  await page.fill("#filter", "");
  await until(async () => check((await column(page, "connections", "Name")).length >= 4, "all rows again"), "no filter");
}

// Names and subjects that a client chose are words on the page and nothing else.
async function hostile() {
  for (const viewport of [desk, phone]) {
    const page = await open({ viewport });
    await until(async () => {
      const names = await column(page, "connections", "Name");
      for (const name of config.names) check(names.includes(name), `${name} among ${names}`);
    }, "names as they are");
    if (!config.lacks.includes("topz")) {
      await until(async () => check((await column(page, "subjects", "Subject")).includes(config.subject), "subject"), "subject as it is");
    }
    await until(async () => {
      const reasons = await column(page, "closed", "Name");
      for (const name of config.names) check(reasons.includes(name), `${name} among the closed`);
    }, "closed names as they are");
    equal(await page.evaluate(() => window.pwned), undefined, "nothing of a client was run");
    equal(await page.locator("img, iframe, object, main script, main style").count(), 0, "no element came from a client");
    await fits(page);
    const hidden = await page.locator("#connections-table").evaluate((place) => place.scrollWidth - place.clientWidth);
    check(hidden <= 1, `a long word pushes ${hidden} pixels of the connections out of sight`);
  }
  // The policy that embed.py adds holds even where the script of the page would slip.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(config.url);
  const refused = await page.evaluate(() => {
    try {
      document.getElementById("facts").innerHTML = "<img src=x onerror='window.pwned = 1'>";
      return false;
    } catch {
      return true;
    }
  });
  check(refused, "innerHTML is refused");
}

// A slow consumer is told apart, with the reason.
async function slow() {
  const page = await open();
  await until(async () => {
    const names = await column(page, "closed", "Name");
    const reasons = await column(page, "closed", "Reason");
    equal(reasons[names.indexOf(config.slow)], "Slow Consumer (Pending Bytes)", "reason");
    const { slow_consumers: slowConsumers } = await getJson("varz");
    check(slowConsumers > 0, "varz counts it");
    equal(await shown(page, "#tiles .tile:has(dt:text-is('Slow consumers')) dd span"), slowConsumers, "slow consumers");
  }, "slow consumer");
  if (!config.lacks.includes("workerz")) {
    await until(async () => check((await page.textContent("#closed-note")).includes("1 by pending bytes"), "sum"), "sum by reason");
  }
  check((await column(page, "closed", "Name")).length > 1, "others closed too");
  await page.check("#slow-only");
  equal(await column(page, "closed", "Name"), [config.slow], "slow consumers only");
}

// Both colours, both widths, the theme button, and what axe-core finds.
async function looks() {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const luminance = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  for (const viewport of [desk, phone]) {
    for (const colorScheme of ["light", "dark"]) {
      // bypassCSP: the policy would refuse axe-core's own script; everything else runs without.
      const page = await open({ viewport, colorScheme, bypassCSP: true });
      await page.locator("#connections-table tbody tr").first().waitFor();
      await until(async () => check(/\d/.test(await page.textContent("#messages-in")), "a rate"), "rates");
      check(luminance(await background(page)) > 380 === (colorScheme === "light"), `${colorScheme} is ${await background(page)}`);
      await fits(page);
      await screenshot(page, `${viewport.width}-${colorScheme}`);
      await screenshot(page, `${viewport.width}-${colorScheme}-full`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      equal(violations.map((v) => [v.id, v.nodes.slice(0, 3).map((node) => node.html)]), [], `accessible at ${viewport.width} px, ${colorScheme}`);
    }
  }
  const page = await open({ colorScheme: "light" });
  const theme = page.locator("#theme");
  await theme.click();
  await theme.click();
  equal(await theme.textContent(), "Theme: dark", "theme button");
  check(luminance(await background(page)) < 380, "dark by the button");
  await page.reload();
  equal(await theme.textContent(), "Theme: dark", "the choice is kept");
}

// Figures that move must not move what stands around them.
async function steady() {
  const page = await open();
  await page.locator("#connections-table tbody tr").nth(3).waitFor();
  await until(async () => check(/\d/.test((await column(page, "connections", "In/s"))[0]), "a rate"), "rates");
  const shift = await page.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value))).observe({ type: "layout-shift" });
    // Five polls, seen by the text that each of them changes.
    let changes = 0;
    new MutationObserver(() => ++changes === 5 && requestAnimationFrame(() => resolve(sum)))
      .observe(document.getElementById("summary"), { childList: true, characterData: true, subtree: true });
  }));
  check(shift < 0.01, `layout shift of ${shift}`);
}

async function without_script() {
  const page = await open({ javaScriptEnabled: false, viewport: phone });
  check(await page.locator("h2", { hasText: "Messages per second" }).isHidden(), "no empty panels");
  const links = await page.locator("#endpoints a").evaluateAll((nodes) => nodes.map((node) => node.href));
  check(links.length >= 9, `links to the endpoints: ${links}`);
  for (const link of links) {
    check(await page.locator(`#endpoints a[href]`).first().isVisible(), "links can be seen");
    if (config.lacks.some((path) => link.includes(`/${path}`))) continue;
    const { status } = await fetch(link);
    equal(status, 200, link);
  }
}

// Below http_base_path the page has no slash at its end, and behind a proxy another prefix.
async function base_path() {
  const page = await open();
  await until(async () => equal(await page.textContent("#health"), config.healthy, "health"), "answers below a path");
  const links = await page.locator("#endpoints a").evaluateAll((nodes) => nodes.map((node) => node.href));
  for (const link of links) {
    if (!config.lacks.some((path) => link.includes(`/${path}`))) equal((await fetch(link)).status, 200, link);
  }
}

// The server goes away and comes back as another process.
async function away() {
  const page = await open();
  await until(async () => equal(await page.textContent("#health"), config.healthy, "health"), "answers");
  const before = complaints.length;
  await ask("STOP");
  await page.locator("#away").waitFor();
  check((await page.textContent("#away-text")).startsWith("The server does not answer since "), "says so");
  equal(await page.textContent("#health"), "no answer", "health");
  equal(await page.locator("#away").getAttribute("role"), "alert", "is read out");
  // It tries less and less often.
  await until(async () => check(/in [2-9] s/.test(await page.textContent("#retry")), await page.textContent("#retry")), "backs off");
  await ask("START");
  await page.click("#retry");
  await page.locator("#away").waitFor({ state: "hidden" });
  await until(async () => equal(await page.textContent("#health"), config.healthy, "health"), "answers again");
  await until(async () => check(/up \d+s/.test(await page.textContent("#summary")), "the new process"), "new uptime");
  // The browser itself reports each refused connection.
  const refused = complaints.splice(before).filter((text) => !/ERR_(CONNECTION|EMPTY|SOCKET)/.test(text));
  equal(refused, [], "complaints besides refused connections");
}

// A hidden page asks nothing.
async function hidden() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.clock.install();
  let requests = 0;
  page.on("request", (request) => (requests += request.url().endsWith("varz")));
  await page.goto(config.url);
  await until(async () => {
    await page.clock.runFor(1000);
    check(requests >= 2, "polls");
  }, "polls while it is seen");
  const hide = (value) => page.evaluate((state) => {
    Object.defineProperty(document, "hidden", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, value);
  await page.waitForLoadState("networkidle");
  await hide(true);
  const before = requests;
  await page.clock.runFor(60_000);
  equal(requests, before, "requests of a hidden page in a minute");
  await hide(false);
  await until(async () => check(requests > before, "polls"), "polls when it is seen again");
}

// The pictures of docs/monitoring.md, see picture.py: all pages fill their charts at the same time.
async function picture() {
  const pages = [];
  for (const viewport of [{ width: 1280, height: 1500 }, { width: 390, height: 1700 }]) {
    for (const colorScheme of ["light", "dark"]) {
      pages.push([await open({ colorScheme, viewport }), `${viewport.width}-${colorScheme}`]);
    }
  }
  await pages[0][0].waitForTimeout(config.seconds * 1000);
  for (const [page, name] of pages) await page.screenshot({ path: `${config.pictures}/dashboard-${name}.png`, fullPage: true });
}

const scenarios = { picture, figures, workers, peers, sorting, hostile, slow, looks, steady, without_script, base_path, away, hidden };
try {
  await scenarios[scenario]();
  equal(complaints, [], "complaints of the browser");
} catch (error) {
  process.exitCode = 1;
  console.log(`FAIL ${scenario}: ${error.message}`);
  for (const text of complaints) console.log(`    ${text}`);
}
await browser.close();
process.exit();
