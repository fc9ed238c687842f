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
