// @ts-check
import { countdown } from "./countdown.js";
import { follow } from "./live.js";

const RETURN_SECONDS = 5;
const OVER = new Set(["paid", "expired", "cancelled", "failed"]);

/** @param {string} id @returns {HTMLElement} */
const need = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const maybe = (/** @type {string} */ id) => document.getElementById(id);
const data = JSON.parse(need("data").textContent ?? "{}");
const card = need("checkout");
const announce = need("announce");
need("no-script").hidden = true; // it would be there if this did not run
const plural = new Intl.PluralRules(document.documentElement.lang);

/** @param {number} seconds */
function say(seconds) {
  const [n, forms] = seconds >= 60 ? [Math.round(seconds / 60), data.texts.minutes_left] : [seconds, data.texts.seconds_left];
  announce.textContent = (forms[plural.select(n)] ?? forms.other).replace("{n}", String(n));
}

const clock = countdown(data.session, need("timer"), (left) => (left > 0 ? say(left) : live.refresh()));

const live = follow(
  data.live,
  (session) => {
    clock.correct(session);
    show(session.status);
  },
  (connection) => {
    const line = need("connection");
    line.hidden = false;
    line.dataset.connection = connection;
    line.textContent = data.texts[connection];
  },
);

/** @param {string} status */
function show(status) {
  if (card.dataset.status === status) return;
  card.dataset.status = status;
  const heading = need(`state-${status}`);
  announce.textContent = heading.textContent;
  if (!OVER.has(status)) return;
  clock.stop();
  heading.focus(); // only when it is over: while waiting, nobody is torn from what they do
  leaveSoon(status);
}

/** @param {string} status */
function leaveSoon(status) {
  const back = /** @type {HTMLAnchorElement | null} */ (maybe("back"));
  if (!back || status !== "paid") return;
  const soon = need("back-soon");
  const stay = need("stay");
  let left = RETURN_SECONDS;
  const tell = () => (soon.textContent = data.texts.back_soon.replace("{seconds}", String(left)));
  soon.hidden = stay.hidden = false;
  tell();
  const timer = window.setInterval(() => {
    left -= 1;
    tell();
    if (left <= 0) {
      clearInterval(timer);
      location.assign(back.href);
    }
  }, 1000);
  stay.addEventListener("click", () => {
    clearInterval(timer);
    soon.hidden = stay.hidden = true;
  });
}

const copy = /** @type {HTMLButtonElement} */ (need("copy"));
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(data.payload);
  announce.textContent = copy.textContent = data.texts.copied;
});

need("check").addEventListener("click", (event) => {
  event.preventDefault();
  live.refresh();
});

let leaving = false; // by a button of ours
document.addEventListener("submit", () => (leaving = true));
window.addEventListener("beforeunload", (event) => {
  if (leaving) return;
  if (card.dataset.status === "scanned" || card.dataset.status === "processing") event.preventDefault();
});
