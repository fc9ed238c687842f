// @ts-check
/** Signs a phone in to the wallet of a demo, in every tab: the phone's camera opens each code in a new one. */
import { keepSignedIn } from "./wallet-api.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const CALL_MS_MAX = 10_000;

/** @param {string} code */
async function exchange(code) {
  try {
    const response = await fetch(data.exchange, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    if (response.ok) {
      keepSignedIn((await response.json()).token);
      return location.replace(data.next);
    }
    element("error").textContent = response.status === 401 ? data.texts.used : data.texts.failed;
  } catch {
    element("error").textContent = data.texts.failed;
  }
  element("hint").hidden = true;
}

element("no-script").hidden = true;
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname + location.search); // neither history nor bookmarks keep it
if (code) void exchange(code);
