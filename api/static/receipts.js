// @ts-check
/**
 * The receipts of a payment, for the payer: each can be saved as soon as it is sealed, which takes seconds.
 *
 * @typedef {import("./amounts.js").Amount} Amount
 * @typedef {{of: "payment" | "refund", id: string, amount: Amount, sealed: boolean, url: string}} Receipt
 * @typedef {{payment: string, refund: string, waiting: string, late: string, failed: string, shared: string}} Texts
 */
import { format } from "./amounts.js";
import { fill } from "./texts.js";
import { call, offline, save } from "./wallet-api.js";

const ASK_AGAIN_MS = 2_000;
const ASKED_MAX = 30;

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * @param {string} sessionId @param {Texts} texts
 * @returns {() => Promise<void>} asks for the receipts, and shows them
 */
export function receiptsOf(sessionId, texts) {
  let asked = 0;
  let timer = 0;

  /** @param {string} text */
  const say = (text) => (element("receipts-state").textContent = text);

  /** @param {Receipt} receipt */
  function button(receipt) {
    const place = document.createElement("button");
    place.type = "button";
    place.className = "button";
    fill(place, texts[receipt.of], { amount: format(receipt.amount) });
    place.addEventListener("click", async () => {
      place.disabled = true;
      say("");
      try {
        await save(new URL(receipt.url).pathname, `${receipt.id}.tlog-proof`);
      } catch (error) {
        const notYet = /** @type {{code?: string}} */ (error).code === "not-sealed";
        say(notYet ? texts.late : texts.failed);
      } finally {
        place.disabled = false;
      }
    });
    return place;
  }

  /** @param {Receipt[]} receipts */
  function show(receipts) {
    const sealed = receipts.filter((one) => one.sealed);
    const waits = sealed.length < receipts.length;
    element("receipt-list").replaceChildren(...sealed.map(button));
    say(waits ? (asked < ASKED_MAX ? texts.waiting : texts.late) : "");
    element("receipts").hidden = false;
    return waits;
  }

  async function ask() {
    clearTimeout(timer);
    let again = false;
    try {
      const { data } = await call("GET", `/v1/payment-sessions/${sessionId}/receipts`);
      asked += 1;
      again = show(data);
    } catch (error) {
      asked += 1;
      again = offline(error); // otherwise another wallet has paid, or the token is no longer valid
    }
    if (again && asked < ASKED_MAX) timer = setTimeout(ask, ASK_AGAIN_MS);
  }

  return async () => {
    asked = 0;
    await ask();
  };
}

/**
 * Print what the page says of a payment, or hand it to another app where the device can.
 *
 * @param {{id: string, merchant: {name: string}, amount: Amount}} session @param {string} text
 */
export function sharing(session, text) {
  element("keep").hidden = false;
  element("print").addEventListener("click", () => window.print());
  if (!navigator.share) return; // such as on a page that came over plain http
  element("share").hidden = false;
  element("share").addEventListener("click", async () => {
    const said = text.replace("{amount}", format(session.amount)).replace("{payee}", session.merchant.name);
    try {
      await navigator.share({ title: document.title, text: [said, element("paid-at").textContent, session.id].join("\n") });
    } catch {
      // the payer has closed the menu
    }
  });
}
