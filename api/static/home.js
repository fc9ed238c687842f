// @ts-check
/** The wallet's own page: reads a code, has it checked, and goes on to the page that pays it. */
import { format, minorUnits, numberingSystem } from "./amounts.js";
import { readImage, ScanError } from "./scan.js";
import { fill } from "./texts.js";
import { viewfinder } from "./viewfinder.js";
import { pushSwitch } from "./push.js";
import { call, newKey, offline, signedIn, signIn, signOut, walletId } from "./wallet-api.js";
import { register } from "./worker.js";

/** @typedef {import("./amounts.js").Amount} Amount */
/** @typedef {{object: "static_code", id: string, merchant: {id: string, name: string}, currency: string, min: Amount | null, max: Amount | null, label: string | null}} StaticCode */

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id @returns {HTMLInputElement} */
const input = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const INTENT = "qrledger.intent.scan";
let payload = data.payload; // the text that is being checked; empty if there is none
let checking = false;
/** @type {StaticCode | null} */
let code = null; // whose amount the payer is asked for

const camera = viewfinder(
  (text) => check(text),
  (error) => say(error ? data.texts.camera[error.reason] ?? data.texts.failed : ""),
);

/** @param {string} text */
function say(text) {
  element(code ? "amount-error" : "error").textContent = text;
}

const push = pushSwitch(data.texts.push);

function show() {
  void push.show();
  element("sign-in").hidden = signedIn();
  element("scanner").hidden = !signedIn() || code !== null;
  element("ask").hidden = !signedIn() || code === null;
}

/** The idempotency key: one per code and amount until there is an answer, also across reloads. @param {string} intent */
function keyOf(intent) {
  const stored = JSON.parse(sessionStorage.getItem(INTENT) ?? "null");
  const key = stored?.intent === intent ? stored.key : newKey();
  sessionStorage.setItem(INTENT, JSON.stringify({ intent, key }));
  return key;
}

/** @param {string} text @param {{minor: number, currency: string}} [amount] */
async function check(text, amount) {
  payload = text; // as it was read: a printed code is signed to the last character
  if (checking || !payload) return;
  if (!signedIn()) return show();
  checking = true;
  say("");
  element("announce").textContent = data.texts.checking;
  try {
    const body = { payload, wallet_id: walletId(), ...(amount && { amount }) };
    const answer = await call("POST", "/v1/scans", body, keyOf(JSON.stringify(body)));
    sessionStorage.removeItem(INTENT);
    if (answer.object === "static_code") return ask(answer);
    payload = "";
    location.assign(`/q/${answer.id.slice("ps_".length)}?lang=${document.documentElement.lang}`);
  } catch (error) {
    refused(error);
  } finally {
    checking = false;
  }
}

/** @param {unknown} error */
function refused(error) {
  const { code: refusal, facts } = /** @type {import("./wallet-api.js").Refusal} */ (error);
  element("announce").textContent = "";
  if (!offline(error) && !facts?.transient) sessionStorage.removeItem(INTENT);
  if (refusal === "unauthorized") {
    signOut();
    show();
    input("token").focus();
    element("sign-in-error").textContent = data.texts.refusals.unauthorized;
    return;
  }
  const { causes, refusals, failed } = data.texts;
  say(offline(error) ? data.texts.offline : causes[facts?.cause] ?? refusals[refusal ?? ""] ?? failed);
}

/** @param {StaticCode} answer */
function ask(answer) {
  code = answer;
  camera.close();
  element("merchant").textContent = answer.merchant.name;
  element("till").textContent = answer.label ?? "";
  element("currency").textContent = answer.currency;
  input("amount").value = "";
  const { min, max } = answer;
  const text = min && max ? data.texts.between : min ? data.texts.at_least : max ? data.texts.at_most : "";
  fill(element("limits"), text, { min: min ? format(min) : "", max: max ? format(max) : "" });
  say("");
  show();
  element("merchant").focus();
}

/** @param {string} currency */
const exponentOf = (currency) => data.exponents[currency] ?? 2;

function confirm() {
  if (!code) return;
  const { currency, min, max } = code;
  const exponent = exponentOf(currency);
  const minor = minorUnits(input("amount").value, exponent);
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent, numberingSystem };
  if (minor === null) {
    const example = new Intl.NumberFormat(document.documentElement.lang, digits).format(12.5);
    fill(element("amount-error"), data.texts.not_an_amount, { example });
  } else if ((min && minor < min.minor) || (max && minor > max.minor)) say(data.texts.outside);
  else return void check(payload, { minor, currency });
  input("amount").focus();
}

function startAgain() {
  code = null;
  payload = "";
  say("");
  show();
  element("open").focus();
}

/** @param {Blob} image */
async function checkImage(image) {
  camera.close();
  say("");
  element("announce").textContent = data.texts.reading;
  try {
    await check((await readImage(image)).text);
  } catch (error) {
    element("announce").textContent = "";
    say(data.texts.camera[error instanceof ScanError ? error.reason : ""] ?? data.texts.failed);
  }
}

/** @param {DataTransfer | null} transfer @returns {boolean} whether there was something to check */
function take(transfer) {
  if (!transfer || code || !signedIn()) return false;
  const image = Array.from(transfer.files).find((file) => file.type.startsWith("image/"));
  const text = transfer.getData("text/plain").trim();
  if (image) void checkImage(image);
  else if (transfer.files.length > 0) say(data.texts.camera["not-an-image"]);
  else if (text) void check(text);
  return Boolean(image ?? transfer.files.length) || text !== "";
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(input("token").value);
  element("sign-in-error").textContent = "";
  input("token").value = "";
  show();
  if (payload) void check(payload);
  else element("open").focus();
});
element("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  camera.close();
  void check(input("payload").value.trim());
});
input("image").addEventListener("change", () => {
  const [image] = input("image").files ?? [];
  if (image) void checkImage(image);
  input("image").value = "";
});
element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  confirm();
});
element("again").addEventListener("click", startAgain);
document.addEventListener("paste", (event) => {
  const typing = event.target instanceof HTMLInputElement && !event.clipboardData?.files.length;
  if (!typing && take(event.clipboardData)) event.preventDefault();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  element("home").classList.add("dropping");
});
for (const end of ["dragleave", "drop"]) document.addEventListener(end, () => element("home").classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer);
});

element("no-script").hidden = true;
show();
if (payload) void check(payload);
void (async () => register())().catch(() => {}); // works without it
