// @ts-check
/**
 * Amounts and refunds as the pages show them.
 *
 * @typedef {{minor: number, currency: string, exponent: number}} Amount
 */

export const numberingSystem = "latn"; // as in amounts from the server; for Arabic, browsers would choose other digits

/**
 * With the server's decimals: the browser's differ from ISO 4217 for some currencies.
 *
 * @param {Amount} amount
 */
export function format({ minor, currency, exponent }) {
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent, numberingSystem };
  const style = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency, ...digits });
  return style.format(minor / 10 ** exponent);
}

/**
 * What the page shows of a session: its status, or that it was refunded. Fills in the amount.
 *
 * @param {{status: string, amount: Amount, refunded_minor?: number, flags?: string[]}} session
 */
export function shownStatus(session) {
  const refund = (session.flags ?? []).find((flag) => flag === "refunded" || flag === "partially_refunded");
  if (!refund) return session.status;
  const amount = format({ ...session.amount, minor: session.refunded_minor ?? 0 });
  for (const place of document.querySelectorAll(".returned")) place.textContent = amount;
  return refund;
}

const DIGITS_MAX = 12; // of an amount of the API

/**
 * The minor units of what a person typed, in the notation of the page's language; null if it is not an
 * amount above zero with at most the currency's decimals. A separator that could mean either is refused.
 *
 * @param {string} text @param {number} exponent @param {string} [language]
 * @returns {number | null}
 */
export function minorUnits(text, exponent, language = document.documentElement.lang) {
  const parts = new Intl.NumberFormat(language, { numberingSystem }).formatToParts(12345.6);
  const sign = (/** @type {string} */ type) => parts.find((part) => part.type === type)?.value ?? "";
  const [decimal, group] = [sign("decimal"), sign("group")];
  const latin = text.trim().replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 0xf));
  const plain = latin.replaceAll("\u066b", decimal).replaceAll("\u066c", group);
  const [whole = "", fraction = "", ...more] = plain.split(decimal);
  const groups = group ? whole.split(group) : [whole];
  const grouped = groups.length === 1 || (/^[1-9]\d{0,2}$/.test(groups[0] ?? "") && groups.slice(1).every((one) => /^\d{3}$/.test(one)));
  const digits = groups.join("") + fraction.padEnd(exponent, "0");
  const valid = more.length === 0 && grouped && /^\d+$/.test(groups.join("")) && /^\d*$/.test(fraction);
  if (!valid || fraction.length > exponent || (plain.includes(decimal) && !fraction)) return null;
  const significant = digits.replace(/^0+/, "");
  return significant && significant.length <= DIGITS_MAX ? Number(significant) : null;
}
