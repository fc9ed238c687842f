// @ts-check
/**
 * The exchange quote of a wallet in another currency: shown before Pay, for as long as it holds.
 *
 * @typedef {import("./amounts.js").Amount} Amount
 * @typedef {{id: string, from: Amount, to: Amount, rate: string, spread: Amount, source: string, as_of: string,
 *   server_time: string, expires_at: string}} Quote
 */
import { format, numberingSystem } from "./amounts.js";
import { countdown } from "./countdown.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * @param {Record<string, string>} sources who publishes the rates, by the name in the quote
 * @param {() => Promise<Quote>} ask
 * @param {(quote: Quote | null) => void} onChange called with the quote, and with null when it has lapsed
 * @returns {{refresh: () => Promise<void>, stop: () => void, clear: () => void}}
 */
export function quoting(sources, ask, onChange) {
  /** @type {{stop: () => void} | null} */
  let clock = null;

  function stop() {
    clock?.stop();
    clock = null;
  }

  function lapse() {
    stop();
    element("quote").hidden = true;
    onChange(null);
  }

  async function refresh() {
    lapse();
    const quote = await ask();
    show(quote);
    clock = countdown(quote, element("quote-timer"), (left) => left === 0 && lapse());
    onChange(quote);
  }

  /** @param {Quote} quote */
  function show(quote) {
    const lang = document.documentElement.lang;
    const number = new Intl.NumberFormat(lang, { maximumSignificantDigits: 10, numberingSystem });
    const day = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeZone: "UTC", numberingSystem });
    element("quote-pays").textContent = format(quote.from);
    element("quote-spread").textContent = format(quote.spread);
    element("quote-rate").textContent = `1 ${quote.from.currency} = ${number.format(Number(quote.rate))} ${quote.to.currency}`;
    element("quote-source").textContent = sources[quote.source] ?? quote.source;
    const time = /** @type {HTMLTimeElement} */ (element("quote-day"));
    time.dateTime = quote.as_of;
    time.textContent = day.format(new Date(quote.as_of));
    element("quote").hidden = false;
  }

  return { refresh, stop, clear: lapse };
}
