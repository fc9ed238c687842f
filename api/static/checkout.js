// @ts-check
import { shownStatus } from "./amounts.js";
import { countdown } from "./countdown.js";
import { follow } from "./live.js";
import { questionLeaving, showProcessing, showTime } from "./processing.js";

/** @typedef {import("./live.js").Session} Session */

const RETURN_SECONDS = 5;
const START_MS_MAX = 30_000;
const LAST_MINUTE_SECONDS = 60;
const ENDED = new Set(["paid", "expired", "cancelled", "failed", "refunded", "partially_refunded"]);

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const card = element("checkout");
const announce = element("announce");
element("no-script").hidden = true;
const plural = new Intl.PluralRules(document.documentElement.lang);
const bill = `${data.session.merchant.name} · ${card.querySelector(".amount")?.textContent}`;

/** @param {Record<string, string>} forms by plural category @param {number} n */
const counted = (forms, n) => (forms[plural.select(n)] ?? forms.other).replace("{n}", String(n));

/** @param {number} seconds */
function announceTimeLeft(seconds) {
  const { minutes_left, seconds_left } = data.texts;
  announce.textContent = seconds >= 60 ? counted(minutes_left, Math.round(seconds / 60)) : counted(seconds_left, seconds);
}

const lifetime = (Date.parse(data.session.expires_at) - Date.parse(data.session.created_at)) / 1000;

/** @param {number} left seconds */
function showRing(left) {
  element("ring").setAttribute("stroke-dashoffset", String(Math.max(0, 100 - (100 * left) / lifetime)));
  element("time").dataset.lastMinute = String(left <= LAST_MINUTE_SECONDS);
}

const clock = countdown(data.session, element("timer"), (left) => (left > 0 ? announceTimeLeft(left) : live.refresh()), showRing);

const live = follow(
  data.live,
  (session) => {
    clock.correct(session);
    showLease(session);
    showPayment(session);
    show(shownStatus(session), showProcessing(card, session, data.processors));
    showWays(session);
  },
  (connection) => {
    const before = card.dataset.connection;
    if (before === connection) return;
    const text = data.texts.connection[connection];
    card.dataset.connection = connection;
    element("connection").textContent = text;
    element("check").hidden = connection === "live";
    if (connection === "offline" || before === "offline") announce.textContent = text;
  },
);

/** @type {ReturnType<typeof countdown> | null} */
let lease = null;

/** The code is veiled while a phone has it, and shown again when its time to confirm has passed. @param {Session} session */
function showLease({ status, lease_until: until, server_time }) {
  if (status !== "scanned" || !until) {
    lease?.stop();
    lease = null;
    card.dataset.lease = "";
    return;
  }
  const times = { server_time, expires_at: until };
  if (lease) lease.correct(times);
  else lease = countdown(times, element("lease"), (left) => left === 0 && lapse());
  const before = card.dataset.lease;
  card.dataset.lease = Date.parse(until) > Date.parse(server_time) ? "held" : "lapsed";
  if (before === "lapsed" && card.dataset.lease === "held") announce.textContent = element("state-scanned").textContent;
}

function lapse() {
  card.dataset.lease = "lapsed";
  announce.textContent = element("state-lapsed").textContent;
}

/** When and through what it was paid. @param {Session} session */
function showPayment({ paid_at: time, paid_through: way }) {
  if (!time || !way) return;
  showTime(/** @type {HTMLTimeElement} */ (element("paid-at")), time);
  element("paid-through").textContent = way === "wallet" ? data.texts.wallet : (data.processors[way] ?? way);
}

/** @param {string} status or what became of the payment @param {string} notice the heading of a new one */
function show(status, notice) {
  if (notice) announce.textContent = notice;
  if (card.dataset.status === status) return;
  card.dataset.status = status;
  const heading = element(`state-${status}`);
  announce.textContent = notice ? `${heading.textContent}. ${notice}` : heading.textContent;
  document.title = status === "paid" ? `✓ ${heading.textContent} · ${bill}` : bill;
  element("error").textContent = "";
  if (!ENDED.has(status)) return;
  clock.stop();
  heading.focus(); // not earlier: moving the focus would interrupt what the payer is doing
  returnToShop(status);
}

/** @param {string} status */
function returnToShop(status) {
  const back = /** @type {HTMLAnchorElement | null} */ (document.getElementById("back"));
  if (!back || status !== "paid") return;
  const returning = element("returning");
  const stay = element("stay");
  let left = RETURN_SECONDS;
  const update = () => (returning.textContent = counted(data.texts.returning, left));
  returning.hidden = stay.hidden = false;
  update();
  const timer = window.setInterval(() => {
    left -= 1;
    update();
    if (left <= 0) {
      clearInterval(timer);
      location.assign(back.href);
    }
  }, 1000);
  stay.addEventListener("click", () => {
    clearInterval(timer);
    returning.hidden = stay.hidden = true;
    back.focus();
  });
}

/** Copies a text on a page that came over plain http, which has no `navigator.clipboard`. @param {string} text */
function copySelected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "spoken"; // there, but not to be seen
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

element("copy").addEventListener("click", async (event) => {
  const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
  if (navigator.clipboard) await navigator.clipboard.writeText(data.payload);
  else copySelected(data.payload);
  button.focus();
  announce.textContent = button.textContent = data.texts.copied;
});

element("check").addEventListener("click", (event) => {
  event.preventDefault();
  live.refresh();
});

let started = false; // in this page, which then leads on to the processor's
let lookedAt = 0; // the version for which the server was asked where the payer goes on

/** Where the payer goes on, which the socket does not know. @param {Session} session */
function showWays({ status, version, attempt, next_action: action }) {
  const next = /** @type {HTMLAnchorElement} */ (element("continue"));
  element("stop").hidden = !(status === "processing" && attempt?.may_stop);
  next.hidden = !action || !attempt?.may_stop;
  if (action && attempt?.may_stop) {
    next.href = action.url;
    if (started) goOn(action.url);
  }
  if (status !== "processing") started = false;
  if (action || status !== "processing" || attempt?.status !== "processing" || lookedAt === version) return;
  lookedAt = version;
  live.refresh();
}

/** @param {string} url */
function goOn(url) {
  started = false;
  leave();
  location.assign(url);
}

/** Starts a payment, and leads on to the page of its processor. @param {HTMLFormElement} form */
async function start(form) {
  const error = element("error");
  const buttons = document.querySelectorAll(".way button");
  for (const button of buttons) /** @type {HTMLButtonElement} */ (button).disabled = true;
  error.textContent = "";
  announce.textContent = data.texts.starting;
  try {
    const options = { method: "POST", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(START_MS_MAX) };
    const response = await fetch(form.action, options);
    const result = await response.json();
    if (result.next_action) return goOn(result.next_action.url);
    started = response.ok;
    if (!response.ok && result.code !== "payment-declined") {
      error.textContent = data.texts.refusals[result.code] ?? data.texts.failed; // a decline is a notice
    }
  } catch (failure) {
    const unanswered = failure instanceof TypeError || (failure instanceof DOMException && failure.name === "TimeoutError");
    error.textContent = unanswered ? data.texts.offline : data.texts.failed;
  } finally {
    for (const button of buttons) /** @type {HTMLButtonElement} */ (button).disabled = false;
    live.refresh();
  }
}

for (const form of document.querySelectorAll("form.way")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void start(/** @type {HTMLFormElement} */ (form));
  });
}

const leave = questionLeaving(() => card.dataset.status === "processing");
if (location.pathname.endsWith("/attempts")) history.replaceState(null, "", data.live.poll_url); // a reload is no second start
showProcessing(card, data.session, data.processors);
showLease(data.session);
showPayment(data.session);
