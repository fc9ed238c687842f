// @ts-check
import { shownStatus } from "./amounts.js";
import { countdown } from "./countdown.js";
import { follow } from "./live.js";

const RETURN_SECONDS = 5;
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
    show(shownStatus(session));
  },
  (connection) => {
    const line = element("connection");
    line.hidden = false;
    line.dataset.connection = connection;
    line.textContent = data.texts.connection[connection];
  },
);

/** @param {string} status or what became of the payment */
function show(status) {
  if (card.dataset.status === status) return;
  card.dataset.status = status;
  const heading = element(`state-${status}`);
  announce.textContent = heading.textContent;
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

let submitting = false; // the cancel button leaves the page without a question
document.addEventListener("submit", () => (submitting = true));
window.addEventListener("beforeunload", (event) => {
  if (submitting) return;
  if (card.dataset.status === "scanned" || card.dataset.status === "processing") event.preventDefault();
});
