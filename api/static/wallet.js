// @ts-check
import { countdown } from "./countdown.js";
import { follow } from "./live.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const card = element("wallet");
element("no-script").hidden = true;
const signIn = /** @type {HTMLFormElement} */ (element("sign-in"));
const payButton = /** @type {HTMLButtonElement} */ (element("pay"));
const TOKEN = "qrledger.page-token";
const INTENT = `qrledger.intent.${data.session.id}`;
const numberingSystem = "latn"; // as in amounts from the server; for Arabic, browsers would choose other digits

const clock = countdown(data.session, element("timer"), (left) => left === 0 && live.refresh());
const live = follow(
  data.live,
  (session) => {
    clock.correct(session);
    show(session);
  },
  () => {},
);

/** @param {{status: string, paid_at?: string | null, paid?: {paid_at: string} | null}} session */
function show(session) {
  const paidAt = session.paid_at ?? session.paid?.paid_at;
  if (paidAt) {
    const time = /** @type {HTMLTimeElement} */ (element("paid-at"));
    time.dateTime = paidAt;
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium", numberingSystem });
    time.textContent = format.format(new Date(paidAt));
  }
  if (card.dataset.status === session.status) return;
  card.dataset.status = session.status;
  const heading = document.getElementById(`state-${session.status}`);
  if (heading) {
    clock.stop();
    element("error").textContent = "";
    element("announce").textContent = heading.textContent;
    heading.focus();
  }
}

/** @param {string} method @param {string} path @param {unknown} [body] @param {string} [key] */
async function call(method, path, body, key) {
  const headers = {
    Accept: "application/json",
    Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`,
    ...(body !== undefined && { "Content-Type": "application/json" }),
    ...(key && { "Idempotency-Key": key }),
  };
  const response = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), cache: "no-store" });
  const result = await response.json();
  if (!response.ok) throw Object.assign(new Error(result.code), { code: result.code });
  return result;
}

/** The idempotency key: one per session, kept across reloads, so that a retry cannot pay twice. */
function idempotencyKey() {
  const key = sessionStorage.getItem(INTENT) ?? crypto.randomUUID();
  sessionStorage.setItem(INTENT, key);
  return key;
}

/** @param {unknown} error */
function showError(error) {
  const code = /** @type {{code?: string}} */ (error).code;
  const network = error instanceof TypeError;
  element("error").textContent = network ? data.texts.offline : data.texts.refusals[code ?? ""] ?? data.texts.failed;
  if (code === "unauthorized") {
    sessionStorage.removeItem(TOKEN);
    void showPayer();
  }
  if (code === "insufficient-funds" || code === "wallet-currency-mismatch") sessionStorage.removeItem(INTENT);
  if (code === "session-expired" || code === "session-not-payable") live.refresh();
}

/**
 * With the server's decimals: the browser's differ from ISO 4217 for some currencies.
 *
 * @param {{minor: number, currency: string, exponent: number}} amount
 */
function format({ minor, currency, exponent }) {
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent, numberingSystem };
  const style = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency, ...digits });
  return style.format(minor / 10 ** exponent);
}

/** The wallet's id, which its token contains. */
function walletId() {
  const token = sessionStorage.getItem(TOKEN) ?? "";
  return `wal_${token.split("_")[1] ?? ""}`;
}

async function showPayer() {
  const signedIn = sessionStorage.getItem(TOKEN) !== null;
  signIn.hidden = signedIn;
  element("payer").hidden = !signedIn;
  if (!signedIn) return;
  try {
    const wallet = await call("GET", `/v1/wallets/${walletId()}`);
    element("balance").textContent = format(wallet.available);
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
    const body = { claim_id: scanned.claim.id, wallet_id: walletId(), amount };
    const paid = await call("POST", `/v1/payment-sessions/${data.session.id}/pay`, body, idempotencyKey());
    show(paid);
    void showPayer();
  } catch (error) {
    showError(error);
  } finally {
    payButton.disabled = false;
  }
}

signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, /** @type {HTMLInputElement} */ (element("token")).value.trim());
  element("error").textContent = "";
  void showPayer();
});
payButton.addEventListener("click", () => void pay());
window.addEventListener("beforeunload", (event) => payButton.disabled && event.preventDefault());
show({ ...data.session });
void showPayer();
