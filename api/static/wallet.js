// @ts-check
import { format, shownStatus } from "./amounts.js";
import { countdown } from "./countdown.js";
import { follow } from "./live.js";
import { questionLeaving, showProcessing, showTime } from "./processing.js";
import { quoting } from "./quote.js";
import { pushSwitch } from "./push.js";
import { fill } from "./texts.js";
import { call, newKey, offline, signedIn, signIn, signOut, walletId } from "./wallet-api.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const card = element("wallet");
element("no-script").hidden = true;
const signInForm = /** @type {HTMLFormElement} */ (element("sign-in"));
const payButton = /** @type {HTMLButtonElement} */ (element("pay"));
const INTENT = `qrledger.intent.${data.session.id}`;
/** @type {import("./quote.js").Quote | null} */
let quote = null;

const push = pushSwitch(data.texts.push);
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
  card.dataset.status = status;
  const heading = document.getElementById(`state-${status}`);
  if (heading) {
    if (status !== "processing") {
      clock.stop();
      quotes.stop();
    }
    element("error").textContent = "";
    element("announce").textContent = heading.textContent;
    heading.focus();
  }
}

/** Refunds are not public: the payer's wallet asks for them. @param {{status: string}} session */
async function showRefunds(session) {
  if (session.status !== "paid" || !signedIn()) return;
  try {
    show(await call("GET", `/v1/payment-sessions/${data.session.id}`));
  } catch {
    // another wallet's payment, or no connection
  }
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

/** @param {unknown} error */
function showError(error) {
  const code = /** @type {{code?: string}} */ (error).code;
  element("error").textContent = offline(error) ? data.texts.offline : data.texts.refusals[code ?? ""] ?? data.texts.failed;
  if (code === "unauthorized") {
    signOut();
    void showPayer();
  }
  if (code === "insufficient-funds" || code === "wallet-currency-mismatch" || code === "payment-declined") forgetIntent();
  if (code?.startsWith("quote-")) void askAgain();
  if (code === "session-expired" || code === "session-not-payable" || code === "payment-in-flight") live.refresh();
}

async function showPayer() {
  void push.show();
  signInForm.hidden = signedIn();
  element("payer").hidden = !signedIn();
  if (!signedIn()) return;
  try {
    const wallet = await call("GET", `/v1/wallets/${walletId()}`);
    element("balance").textContent = format(wallet.available);
    const open = card.dataset.status === "created" || card.dataset.status === "scanned";
    if (open && wallet.currency !== data.session.amount.currency && !quote) await quotes.refresh();
  } catch (error) {
    showError(error);
  }
}

async function askAgain() {
  try {
    await quotes.refresh();
  } catch (error) {
    showError(error);
  }
}

async function pay() {
  payButton.disabled = true;
  element("error").textContent = "";
  element("announce").textContent = data.texts.paying;
  try {
    const scanned = await call("POST", "/v1/scans", { payload: data.payload, wallet_id: walletId() });
    if (scanned.status === "paid") return show(scanned);
    const amount = { minor: data.session.amount.minor, currency: data.session.amount.currency };
    const body = { claim_id: scanned.claim.id, wallet_id: walletId(), amount, ...(quote && { quote_id: quote.id }) };
    const paid = await call("POST", `/v1/payment-sessions/${data.session.id}/pay`, body, idempotencyKey());
    show(paid); // paid, or processing (202), which the socket follows to its end
    if (paid.status === "processing") live.refresh();
    void showPayer();
  } catch (error) {
    showError(error);
  } finally {
    payButton.disabled = false;
  }
}

signInForm.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(/** @type {HTMLInputElement} */ (element("token")).value);
  element("error").textContent = "";
  void showPayer();
  void showRefunds({ status: card.dataset.status?.endsWith("refunded") ? "paid" : (card.dataset.status ?? "") });
});
payButton.addEventListener("click", () => void pay());
element("ask-again").addEventListener("click", () => {
  element("error").textContent = "";
  void askAgain();
});
element("check").addEventListener("click", (event) => {
  event.preventDefault();
  live.refresh();
});
questionLeaving(() => payButton.disabled || card.dataset.status === "processing");
showProcessing(card, data.session, data.processors);
show({ ...data.session });
void showPayer();
void showRefunds(data.session);
