// @ts-check
import { shownStatus } from "./amounts.js";
import { countdown } from "./countdown.js";
import { follow } from "./live.js";
import { questionLeaving, showProcessing } from "./processing.js";
import { offline } from "./wallet-api.js";

const RETURN_SECONDS = 5;
const START_MS_MAX = 30_000;
const ENDED = new Set(["paid", "expired", "cancelled", "failed", "refunded", "partially_refunded"]);

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const card = element("checkout");
const announce = element("announce");
element("no-script").hidden = true;
const plural = new Intl.PluralRules(document.documentElement.lang);

/** @param {Record<string, string>} forms by plural category @param {number} n */
const counted = (forms, n) => (forms[plural.select(n)] ?? forms.other).replace("{n}", String(n));

/** @param {number} seconds */
function announceTimeLeft(seconds) {
  const { minutes_left, seconds_left } = data.texts;
  announce.textContent = seconds >= 60 ? counted(minutes_left, Math.round(seconds / 60)) : counted(seconds_left, seconds);
}

const clock = countdown(data.session, element("timer"), (left) => (left > 0 ? announceTimeLeft(left) : live.refresh()));

const live = follow(
  data.live,
  (session) => {
    clock.correct(session);
    show(shownStatus(session), showProcessing(card, session, data.processors));
    showWays(session);
  },
  (connection) => {
    const line = element("connection");
    line.hidden = false;
    line.dataset.connection = connection;
    line.textContent = data.texts.connection[connection];
  },
);

/** @param {string} status or what became of the payment @param {string} notice the heading of a new one */
function show(status, notice) {
  if (notice) announce.textContent = notice;
  if (card.dataset.status === status) return;
  card.dataset.status = status;
  const heading = element(`state-${status}`);
  announce.textContent = notice ? `${heading.textContent}. ${notice}` : heading.textContent;
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
  });
}

const copy = /** @type {HTMLButtonElement} */ (element("copy"));
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(data.payload);
  announce.textContent = copy.textContent = data.texts.copied;
});

element("check").addEventListener("click", (event) => {
  event.preventDefault();
  live.refresh();
});

let started = false; // in this page, which then leads on to the processor's
let lookedAt = 0; // the version for which the server was asked where the payer goes on

/** Where the payer goes on, which the socket does not know. @param {import("./live.js").Session} session */
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
    error.textContent = offline(failure) ? data.texts.offline : data.texts.failed;
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
