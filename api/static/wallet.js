// @ts-check
/** The wallet page: a payer signs in, sees what a payment costs and leaves, pays, and keeps the receipt. */
import { format, shownStatus } from "./amounts.js";
import { claimsOn, seen } from "./claims.js";
import { countdown } from "./countdown.js";
import { follow } from "./live.js";
import { patiently } from "./patience.js";
import { questionLeaving, showProcessing, showTime } from "./processing.js";
import { quoting } from "./quote.js";
import { pushSwitch } from "./push.js";
import { receiptsOf, sharing } from "./receipts.js";
import { goTo, step } from "./sheet.js";
import { fill } from "./texts.js";
import { call, newKey, offline, signedIn, signIn, signInFromAddress, signOut, walletId } from "./wallet-api.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const card = element("wallet");
element("no-script").hidden = true;
const payButton = /** @type {HTMLButtonElement} */ (element("pay"));
const token = /** @type {HTMLInputElement} */ (element("token"));
const retry = { timer: element("retry-timer"), now: element("try-now") };
const INTENT = `qrledger.intent.${data.session.id}`;
const SESSION = `/v1/payment-sessions/${data.session.id}`;
const claims = claimsOn(data.session.id);
/** @type {import("./quote.js").Quote | null} */
let quote = null;
let preparing = false;
let paying = false; // from the press of Pay until its answer
/** @type {Promise<unknown>} */
let releasing = Promise.resolve();

const open = () => card.dataset.status === "created" || card.dataset.status === "scanned";
const push = pushSwitch(data.texts.push);
const showReceipts = receiptsOf(data.session.id, data.texts.receipts);
const clock = countdown(data.session, element("timer"), (left) => left === 0 && live.refresh());
const live = follow(
  data.live,
  (session) => {
    clock.correct(session);
    const notice = showProcessing(card, session, data.processors);
    if (notice) element("announce").textContent = notice;
    if (notice && (session.notice === "declined" || session.notice === "voided")) forgetIntent(); // paying again is a new attempt
    show(session);
    void showRefunds(session);
  },
  () => {},
);

const quotes = quoting(
  data.texts.sources,
  () => call("POST", "/v1/fx-quotes", { wallet_id: walletId(), session_id: data.session.id }),
  (current) => {
    quote = current;
    payButton.hidden = quote === null;
    element("ask-again").hidden = quote !== null;
    if (quote) fill(payButton, data.texts.pay, { amount: format(quote.from) });
  },
);

/** @param {import("./live.js").Session & {paid?: {paid_at: string} | null}} session */
function show(session) {
  const paidAt = session.paid_at ?? session.paid?.paid_at;
  if (paidAt) showTime(/** @type {HTMLTimeElement} */ (element("paid-at")), paidAt);
  const refunded = card.dataset.status?.endsWith("refunded") && session.status === "paid" && !session.flags;
  const status = refunded ? card.dataset.status : shownStatus(session); // the public part names no refunds
  if (status === undefined || card.dataset.status === status) return;
  const before = open();
  card.dataset.status = status;
  const heading = document.getElementById(`state-${status}`);
  if (heading) {
    if (status !== "processing") {
      clock.stop();
      quotes.stop();
    }
    claims.stop();
    element("error").textContent = "";
    element("announce").textContent = heading.textContent;
    heading.focus();
  }
  showTitle();
  if (open() && (!before || (step() === "claimed" && status === "created"))) void prepare(); // it can be paid again
}

/** The tab says what the page says. */
function showTitle() {
  const heading = document.getElementById(`state-${card.dataset.status}`)?.textContent;
  const [claimed, asked] = [data.texts.refusals["session-claimed"], data.texts.title.replace("{payee}", data.session.merchant.name)];
  const text = heading ?? (paying ? data.texts.paying : step() === "claimed" ? claimed : asked);
  document.title = `${text} · ${card.querySelector(".amount")?.textContent}`;
}

/** Refunds and receipts are not public: the payer's wallet asks for them. @param {{status: string}} session */
async function showRefunds(session) {
  if (session.status !== "paid" || !signedIn()) return;
  try {
    show(await call("GET", SESSION));
  } catch {
    // another wallet's payment, or no connection
  }
  await showReceipts();
}

/** The idempotency key: one per session and quote, kept across reloads, so that a retry cannot pay twice. */
function idempotencyKey() {
  const intent = quote ? `${INTENT}.${quote.id}` : INTENT;
  const key = sessionStorage.getItem(intent) ?? newKey();
  sessionStorage.setItem(intent, key);
  return key;
}

function forgetIntent() {
  if (quote) sessionStorage.removeItem(`${INTENT}.${quote.id}`);
  sessionStorage.removeItem(INTENT);
}

/** Claim the session. Nothing changes if this wallet has claimed it, so a reload keeps the claim. */
const scan = () => call("POST", "/v1/scans", { payload: data.payload, wallet_id: walletId() });

/** @template T @param {() => Promise<T>} work @param {import("./sheet.js").Step} during @param {string} text while it waits */
const repeated = (work, during, text) =>
  patiently(work, { ...retry, waiting: () => goTo("waiting", text), going: () => goTo(during) });

/** What a scan says if this wallet has no claim: it has paid, or a processor has its payment. @param {any} scanned */
function goneOn(scanned) {
  if (scanned.claim) return false;
  show(scanned);
  live.refresh();
  void showReceipts();
  return true;
}

/** Bring the sheet to the step at which the payer is. @param {string} [error] shown with it */
async function prepare(error) {
  if (preparing || paying || !open()) return;
  preparing = true;
  void push.show();
  claims.stop();
  try {
    if (!signedIn()) return goTo("sign-in", error);
    if (claims.refused()) return goTo("released", error);
    goTo("preparing", error);
    await seen();
    await releasing;
    const scanned = await repeated(scan, "preparing", data.texts.disconnected);
    if (goneOn(scanned)) return;
    claims.hold(scanned);
    await showFunds(error);
  } catch (refusal) {
    refused(refusal);
  } finally {
    preparing = false;
    showTitle();
  }
}

/** What the payer has, pays, and keeps. @param {string} [error] */
async function showFunds(error) {
  const wallet = await repeated(() => call("GET", `/v1/wallets/${walletId()}`), "preparing", data.texts.disconnected);
  element("balance").textContent = format(wallet.available);
  if (wallet.currency !== data.session.amount.currency && !quote) await quotes.refresh();
  const pays = /** @type {import("./amounts.js").Amount} */ (/** @type {any} */ (quote)?.from ?? data.session.amount);
  const left = wallet.available.minor - pays.minor;
  const shown = format({ ...pays, minor: Math.abs(left) });
  element(left < 0 ? "missing" : "left").textContent = shown;
  if (left >= 0) return goTo("ready", error);
  fill(element("top-up"), data.texts.top_up, { amount: shown });
  element("top-up").dataset.minor = String(-left);
  element("top-up").dataset.currency = pays.currency;
  element("top-up").hidden = data.mode !== "test";
  goTo("short", data.texts.refusals["insufficient-funds"]);
}

/** Say why, and offer the next step. @param {unknown} error */
function refused(error) {
  const { code = "", facts = {} } = /** @type {import("./wallet-api.js").Refusal} */ (error);
  const unanswered = paying ? data.texts.offline : data.texts.disconnected;
  const text = offline(error) ? unanswered : data.texts.refusals[code] ?? data.texts.failed;
  const step = paying ? "ready" : "blocked";
  if (code === "insufficient-funds" || code === "wallet-currency-mismatch" || code === "payment-declined") forgetIntent();
  if (code === "session-expired" || code === "session-not-payable" || code === "payment-in-flight") live.refresh();
  if (code === "unauthorized") {
    signOut();
    goTo("sign-in", text);
    token.focus();
  } else if (code === "session-claimed") {
    goTo("claimed", text);
    claims.wait(facts, () => void prepare());
  } else if (code === "insufficient-funds") void again();
  else if (code.startsWith("quote-")) {
    quote = null;
    void again(text);
  } else goTo(step, text);
}

/** @param {string} [error] */
async function again(error) {
  try {
    await showFunds(error);
  } catch (refusal) {
    refused(refusal);
  }
}

async function pay() {
  if (paying || step() !== "ready") return;
  paying = payButton.disabled = true;
  const label = [...payButton.childNodes];
  payButton.textContent = element("announce").textContent = data.texts.paying;
  goTo("paying");
  showTitle();
  try {
    const key = idempotencyKey();
    const scanned = await repeated(scan, "paying", data.texts.offline);
    if (goneOn(scanned)) return;
    const { minor, currency } = data.session.amount;
    const body = { claim_id: scanned.claim.id, wallet_id: walletId(), amount: { minor, currency }, ...(quote && { quote_id: quote.id }) };
    const paid = await repeated(() => call("POST", `${SESSION}/pay`, body, key), "paying", data.texts.offline);
    show(paid); // paid, or processing (202), which the socket follows to its end
    if (paid.status === "processing") live.refresh();
    else void showReceipts();
  } catch (error) {
    refused(error);
  } finally {
    paying = payButton.disabled = false;
    payButton.replaceChildren(...label);
    showTitle();
  }
}

/** Let go of the session, so that another wallet can claim it; a claim that stays ends with its lease. */
function release() {
  claims.stop();
  releasing = call("DELETE", `${SESSION}/claim`).catch(() => {});
}

async function topUp() {
  const button = /** @type {HTMLButtonElement} */ (element("top-up"));
  const key = newKey();
  const amount = { minor: Number(button.dataset.minor), currency: button.dataset.currency };
  goTo("preparing");
  try {
    const body = { amount, reference: `wallet page ${key}` };
    await repeated(() => call("POST", `/v1/wallets/${walletId()}/top-ups`, body, key), "preparing", data.texts.disconnected);
    await showFunds();
  } catch (error) {
    refused(error);
  }
}

/** @param {string} id @param {() => unknown} react */
const on = (id, react) => element(id).addEventListener("click", () => void react());
element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(token.value);
  token.value = "";
  claims.remember(false);
  void prepare();
  void showRefunds({ status: card.dataset.status?.endsWith("refunded") ? "paid" : (card.dataset.status ?? "") });
});
on("pay", pay);
on("ask-again", again);
on("top-up", topUp);
on("try-now", () => step() !== "waiting" && prepare());
on("not-now", () => {
  claims.remember(true);
  release();
  goTo("released");
});
on("pay-after-all", () => {
  claims.remember(false);
  return prepare();
});
on("other-wallet", () => {
  release();
  signOut();
  quotes.clear();
  element("ask-again").hidden = true;
  payButton.hidden = false;
  fill(payButton, data.texts.pay, { amount: format(data.session.amount) });
  void push.show();
  goTo("sign-in");
  token.focus();
});
element("check").addEventListener("click", (event) => {
  event.preventDefault();
  live.refresh();
});
window.addEventListener("hashchange", () => signInFromAddress(data.mode) && location.reload());
questionLeaving(() => paying || card.dataset.status === "processing");
if (signInFromAddress(data.mode)) claims.remember(false);
sharing(data.session, data.texts.receipts.shared);
showProcessing(card, data.session, data.processors);
show({ ...data.session });
if (open()) void prepare();
else void push.show();
void showRefunds(data.session);
