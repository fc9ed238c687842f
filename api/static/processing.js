// @ts-check
/**
 * What the pages show of a payment that a processor has, and the question before leaving it.
 *
 * @typedef {Pick<import("./live.js").Session, "notice" | "attempt">} Going
 */

import { numberingSystem } from "./amounts.js";

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** A time in the language of the page. @param {HTMLTimeElement} place @param {string} time */
export function showTime(place, time) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium", numberingSystem });
  place.dateTime = time;
  place.textContent = format.format(new Date(time));
}

/**
 * Who has the payment, since when, and what the payer must be told.
 *
 * @param {HTMLElement} card @param {Going} session @param {Record<string, string>} labels of processors
 * @returns {string} the heading of a new notice; empty if there is none
 */
export function showProcessing(card, session, labels) {
  const { attempt, notice = "" } = session;
  if (attempt) {
    element("processor").textContent = labels[attempt.processor] ?? attempt.processor;
    showTime(/** @type {HTMLTimeElement} */ (element("asked-at")), attempt.created_at);
  }
  if (card.dataset.notice === notice) return "";
  card.dataset.notice = notice;
  return (notice && document.getElementById(`notice-${notice}`)?.textContent) || "";
}

/**
 * Leaving is questioned while money is on its way, unless by the page's own links and forms.
 *
 * @param {() => boolean} onItsWay
 * @returns {() => void} called before the page's own code leaves it
 */
export function questionLeaving(onItsWay) {
  let own = false;
  document.addEventListener("click", (event) => {
    own = event.target instanceof Element && event.target.closest("a[href]") !== null && !event.defaultPrevented;
  });
  document.addEventListener("submit", (event) => (own = !event.defaultPrevented));
  window.addEventListener("beforeunload", (event) => !own && onItsWay() && event.preventDefault());
  return () => (own = true);
}
