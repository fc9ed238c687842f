// @ts-check
import { countdown } from "./countdown.js";
import { follow } from "./live.js";

/** @param {string} id @returns {HTMLElement} */
const need = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(need("data").textContent ?? "{}");
const card = need("wallet");
need("no-script").hidden = true; // it would be there if this did not run
const signIn = /** @type {HTMLFormElement} */ (need("sign-in"));
const payButton = /** @type {HTMLButtonElement} */ (need("pay"));
const TOKEN = "qrledger.page-token";
const INTENT = `qrledger.intent.${data.session.id}`;

const clock = countdown(data.session, need("timer"), (left) => left === 0 && live.refresh());
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
    const time = /** @type {HTMLTimeElement} */ (need("paid-at"));
    time.dateTime = paidAt;
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
    time.textContent = format.format(new Date(paidAt));
  }
  if (card.dataset.status === session.status) return;
  card.dataset.status = session.status;
  const heading = document.getElementById(`state-${session.status}`);
  if (heading) {
    clock.stop();
    need("trouble").textContent = "";
    need("announce").textContent = heading.textContent;
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
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.code), { code: answer.code });
  return answer;
}

/** One key per intent, kept across reloads: asking twice is paying once. */
function intentKey() {
  const kept = sessionStorage.getItem(INTENT) ?? crypto.randomUUID();
  sessionStorage.setItem(INTENT, kept);
  return kept;
}

/** @param {unknown} error */
function tell(error) {
  const code = /** @type {{code?: string}} */ (error).code;
  const network = error instanceof TypeError;
  need("trouble").textContent = network ? data.texts.offline : data.texts[code ?? ""] ?? data.texts.trouble;
  if (code === "unauthorized") {
    sessionStorage.removeItem(TOKEN);
    void enter();
  }
  if (code === "insufficient-funds" || code === "wallet-currency-mismatch") sessionStorage.removeItem(INTENT);
  if (code === "session-expired" || code === "session-not-payable") live.refresh();
}

/** The server's decimals, not the browser's: they differ from ISO 4217 for some currencies. */
/** @param {{minor: number, currency: string, exponent: number}} amount */
function format({ minor, currency, exponent }) {
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const style = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency, ...digits });
  return style.format(minor / 10 ** exponent);
}

function wallet() {
  const token = sessionStorage.getItem(TOKEN) ?? "";
  return `wal_${token.split("_")[1] ?? ""}`;
}

async function enter() {
  const signedIn = sessionStorage.getItem(TOKEN) !== null;
  signIn.hidden = signedIn;
  need("payer").hidden = !signedIn;
  if (!signedIn) return;
  try {
    const answer = await call("GET", `/v1/wallets/${wallet()}`);
    need("balance").textContent = format(answer.available);
  } catch (error) {
    tell(error);
  }
}

async function pay() {
  payButton.disabled = true;
  need("trouble").textContent = "";
  need("announce").textContent = data.texts.paying;
  try {
    const scanned = await call("POST", "/v1/scans", { payload: data.payload, wallet_id: wallet() });
    if (scanned.status === "paid") return show(scanned);
    const amount = { minor: data.session.amount.minor, currency: data.session.amount.currency };
    const body = { claim_id: scanned.claim.id, wallet_id: wallet(), amount };
    const paid = await call("POST", `/v1/payment-sessions/${data.session.id}/pay`, body, intentKey());
    show(paid);
    void enter();
  } catch (error) {
    tell(error);
  } finally {
    payButton.disabled = false;
  }
}

signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, /** @type {HTMLInputElement} */ (need("token")).value.trim());
  need("trouble").textContent = "";
  void enter();
});
payButton.addEventListener("click", () => void pay());
window.addEventListener("beforeunload", (event) => payButton.disabled && event.preventDefault());
show({ ...data.session });
void enter();
