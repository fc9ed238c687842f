// @ts-check
/** The page: takes files and keys from a person, and says in plain words what was proven. Everything stays in it. */
import { decodeUtf8, encodeUtf8, EvidenceError } from "./bytes.js";
import { checkBundle } from "./bundles.js";
import { browserKnowsEd25519 } from "./ed25519.js";
import { parseTrust } from "./policies.js";
import { checkReceipt } from "./receipts.js";

const SMALL_BYTES_MAX = 1024 * 1024;
/** Receipts begin with this; everything else is read as a bundle. */
const RECEIPT_START = "c2sp.org/tlog-proof";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** A text with values in it, each isolated from the direction of the text. @param {string} text @param {Record<string, unknown>} values */
function filled(text, values = {}) {
  return text.split(/\{(\w+)\}/).map((part, at) => {
    if (at % 2 === 0) return part;
    const isolated = document.createElement("bdi");
    isolated.textContent = String(values[part]);
    return isolated;
  });
}

/** An amount with the digits of its currency, or null. @param {any} minor @param {any} currency @param {any} exponent */
export function amountText(minor, currency, exponent, language = "en") {
  if (!Number.isSafeInteger(minor) || !/^[A-Z]{3}$/.test(currency) || !(Number.isInteger(exponent) && exponent >= 0 && exponent <= 4)) return null;
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent, numberingSystem: "latn" };
  const style = new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay: "code", ...digits });
  return style.format(minor / 10 ** exponent);
}

/** @param {string} text a time of the ledger @param {string} language */
function timeForPeople(text, language) {
  const style = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium", timeZone: "UTC", numberingSystem: "latn" });
  return `${style.format(new Date(text))} UTC`;
}

/**
 * What a proven event says, as pairs of a label's name and a value; what it does not say is left out.
 *
 * @param {import("./receipts.js").Proven} event @param {string} language
 */
export function factsOf(event, language) {
  const data = event.data ?? {};
  const paid = amountText(data.amount_minor, data.currency, data.exponent, language);
  const others = data.payer_currency !== data.currency;
  const credited = data.credited_minor !== undefined;
  const payers = others ? amountText(data.credited_minor ?? data.payer_amount_minor, data.payer_currency, data.payer_exponent, language) : null;
  /** @type {[string, unknown][]} */
  const facts = [
    ["amount", paid],
    [credited ? "returned" : "payer_amount", payers],
    ["fee", data.fee_minor > 0 ? amountText(data.fee_minor, data.currency, data.exponent, language) : null],
    ["payee", data.merchant_name],
    ["merchant", data.merchant_id],
    ["wallet", event.type.startsWith("wallet.") ? event.subject : data.wallet_id],
    ["processor", data.processor],
    ["session", data.session_id ?? (event.subject.startsWith("ps_") ? event.subject : null)],
    ["refund", data.refund_id],
    ["reason", data.reason],
    ["recorded_at", timeForPeople(event.recorded_at, language)],
    ["position", event.position],
    ["log", event.origin],
    ...Object.entries(event.witnesses).map(([name, time]) => /** @type {[string, unknown]} */ (["witness", `${name} · ${time}`])),
  ];
  return facts.filter(([, value]) => (typeof value === "string" && value !== "") || typeof value === "number");
}

/** @param {File} file */
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

/** @param {File} file a small one */
async function smallFile(file) {
  if (file.size > SMALL_BYTES_MAX) throw new EvidenceError("too-large", `${file.name} is too large`);
  return bytesOf(file);
}

/** Check what the form has. @param {(share: number) => void} onProgress */
async function checkForm(onProgress) {
  const [file] = element("file").files;
  const [trusted] = element("trust-file").files;
  const pasted = encodeUtf8(`${element("trust").value.trim()}\n`);
  const policy = parseTrust(trusted ? await smallFile(trusted) : pasted);
  const start = decodeUtf8(await bytesOf(file.slice(0, RECEIPT_START.length)));
  if (start === RECEIPT_START || file.name.endsWith(".tlog-proof")) return checkReceipt(await smallFile(file), policy);
  const older = [];
  for (const one of element("older").files) older.push(await smallFile(one));
  const read = (/** @type {number} */ offset, /** @type {number} */ length) => bytesOf(file.slice(offset, offset + length));
  return checkBundle({ size: file.size, read }, policy, older, onProgress);
}

function startPage() {
  const data = JSON.parse(element("data").textContent);
  const language = document.documentElement.lang;
  const { labels, events, verdicts, reasons, bundle } = data.texts;
  let latest = 0;

  /** @param {[string, unknown][]} facts */
  function showFacts(facts) {
    const pairs = facts.flatMap(([name, value]) => {
      const [term, description, text] = [document.createElement("dt"), document.createElement("dd"), document.createElement("bdi")];
      term.textContent = labels[name];
      text.textContent = String(value);
      description.append(text);
      return [term, description];
    });
    element("facts").replaceChildren(...pairs);
    element("facts").hidden = !facts.length;
  }

  /** @param {string} verdict @param {(string | Node)[][]} sentences @param {[string, unknown][]} facts @param {unknown} details */
  function show(verdict, sentences, facts, details) {
    element("result").dataset.verdict = verdict;
    element("verdict").textContent = verdicts[verdict];
    const paragraphs = sentences.map((sentence) => {
      const paragraph = document.createElement("p");
      paragraph.append(...sentence);
      return paragraph;
    });
    element("why").replaceChildren(...paragraphs);
    showFacts(facts);
    element("details").textContent = JSON.stringify(details, null, 2);
    element("result").hidden = false;
    element("verdict").focus();
  }

  /** @param {import("./receipts.js").Outcome} outcome */
  function showReceipt({ verdict, code, reason, event }) {
    if (!event) return show(verdict, [[reasons[code] ?? reasons.unknown]], [], { code, reason });
    const title = events[event.type] ? filled(events[event.type]) : filled(events.other, { type: event.type });
    return show(verdict, [title, filled(data.texts.receipt, { size: event.size })], factsOf(event, language), event);
  }

  /** @param {import("./bundles.js").BundleOutcome} outcome */
  function showBundle(outcome) {
    const { verdict, code, size, older, findings, origin } = outcome;
    if (verdict === "unreadable") return show(verdict, [[reasons[code] ?? reasons.unknown]], [], outcome);
    const bad = Math.min(...findings.map((one) => one.position || Infinity));
    const notes = older ? bundle.continued : bundle.alone;
    const proven = [filled(bundle.proven, { size }), [notes], [bundle.rules]];
    const where = Number.isFinite(bad) ? [filled(bundle.position, { position: bad })] : [];
    return show(verdict, verdict === "proven" ? proven : [[bundle.refuted], ...where], [["log", origin]], outcome);
  }

  element("check").addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    latest += 1;
    const mine = latest;
    element("result").hidden = true;
    element("progress").hidden = false;
    element("progress").value = 0;
    try {
      const outcome = await checkForm((share) => (element("progress").value = share));
      if (mine !== latest) return;
      if ("event" in outcome) showReceipt(outcome);
      else showBundle(outcome);
    } catch (error) {
      const code = error instanceof EvidenceError ? error.code : "not-a-file";
      show("unreadable", [[reasons[code] ?? reasons.unknown]], [], { code, reason: String(error) });
    } finally {
      if (mine === latest) element("progress").hidden = true;
    }
  });
  element("no-script").hidden = true;
  element("check").hidden = false;
  element("save").hidden = location.protocol === "file:";
  browserKnowsEd25519().then((knows) => (element("signatures").textContent = knows ? data.texts.by_browser : data.texts.by_file));
}

if (globalThis.document) startPage();
