// @ts-check
/**
 * The sheet at the foot of the wallet page: one step at a time, in `data-step`. The style sheet shows what
 * belongs to a step; focus goes to the title when the step takes away what had it.
 *
 * @typedef {"sign-in" | "preparing" | "ready" | "paying" | "waiting" | "claimed" | "short" | "released" | "blocked"} Step
 */

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const sheet = element("sheet");

export const step = () => /** @type {Step} */ (sheet.dataset.step);

/**
 * @param {Step} next
 * @param {string} [error] why; read aloud
 */
export function goTo(next, error = "") {
  const had = document.activeElement;
  const inside = had instanceof HTMLElement && sheet.contains(had);
  sheet.hidden = false; // it does nothing without this module
  sheet.dataset.step = next;
  element("sign-in").hidden = next !== "sign-in";
  if (element("error").textContent !== error) element("error").textContent = error;
  if (inside && (had.offsetParent === null || had.matches(":disabled"))) element("sheet-title").focus();
}
