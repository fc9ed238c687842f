// @ts-check
/**
 * The claim of this page's wallet on the session: taken when the payer has signed in and sees the page,
 * kept by a reload, released by "Not now", which is remembered in the tab.
 *
 * @typedef {{id: string, lease_until: string}} Claim
 */
import { countdown } from "./countdown.js";

const LEASE_SECONDS_UNKNOWN = 5; // of another wallet, if the refusal does not say
const RECORDING_MS = 200; // a claim's time is a moment before the response's: 90 s are shown as 1:30

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} sessionId */
export function claimsOn(sessionId) {
  const NOT_NOW = `qrledger.not-now.${sessionId}`;
  /** @type {{stop: () => void} | null} */
  let clock = null;

  function stop() {
    clock?.stop();
    clock = null;
  }

  /** @param {string} from @param {string} until @param {string} timer @param {() => void} onEnd */
  function count(from, until, timer, onEnd) {
    stop();
    if (Date.parse(until) <= Date.parse(from)) return onEnd();
    clock = countdown({ server_time: from, expires_at: until }, element(timer), (left) => {
      if (left > 0) return;
      stop();
      onEnd();
    });
  }

  /** @param {boolean} lapsed */
  function showLapsed(lapsed) {
    element("lease").hidden = lapsed;
    element("lapsed").hidden = !lapsed;
  }

  return {
    refused: () => sessionStorage.getItem(NOT_NOW) !== null,
    /** @param {boolean} refused */
    remember: (refused) => (refused ? sessionStorage.setItem(NOT_NOW, "1") : sessionStorage.removeItem(NOT_NOW)),
    stop,

    /** Show how long no other wallet can pay. @param {{server_time: string, claim: Claim}} scanned */
    hold(scanned) {
      showLapsed(false);
      const from = new Date(Date.parse(scanned.server_time) + RECORDING_MS).toISOString();
      count(from, scanned.claim.lease_until, "lease-timer", () => showLapsed(true));
    },

    /** Show how long another wallet has the payment. @param {Record<string, any>} facts @param {() => void} onEnd */
    wait(facts, onEnd) {
      const seconds = Number(facts.retry_after_seconds ?? LEASE_SECONDS_UNKNOWN);
      count(new Date(0).toISOString(), new Date(seconds * 1000).toISOString(), "free-timer", onEnd);
    },
  };
}

/** Wait until somebody looks at the page: one that was opened in the background claims nothing. @returns {Promise<void>} */
export function seen() {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState !== "visible") return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
  });
}
