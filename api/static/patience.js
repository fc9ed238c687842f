// @ts-check
/**
 * Repeats a call that had no answer, at stated times; at once when the device is online again.
 *
 * @typedef {{waiting: () => void, going: () => void}} Told
 */
import { countdown } from "./countdown.js";
import { offline } from "./wallet-api.js";

const WAIT_SECONDS = [3, 5, 10, 20, 30, 30, 30, 30]; // then the error is passed on

/** @param {number} seconds @param {HTMLElement} timer @param {HTMLElement} now a button @returns {Promise<void>} */
function pause(seconds, timer, now) {
  return new Promise((resolve) => {
    const times = { server_time: new Date(0).toISOString(), expires_at: new Date(seconds * 1000).toISOString() };
    const clock = countdown(times, timer, (left) => left === 0 && end());
    const end = () => {
      clock.stop();
      window.removeEventListener("online", end);
      now.removeEventListener("click", end);
      resolve();
    };
    window.addEventListener("online", end);
    now.addEventListener("click", end);
  });
}

/**
 * @template T
 * @param {() => Promise<T>} work may be repeated without harm
 * @param {{timer: HTMLElement, now: HTMLElement} & Told} shown
 * @returns {Promise<T>}
 * @throws what `work` throws, and an error that is `offline` after the last repetition
 */
export async function patiently(work, { timer, now, waiting, going }) {
  for (const seconds of WAIT_SECONDS) {
    try {
      return await work();
    } catch (error) {
      if (!offline(error)) throw error;
      waiting();
      await pause(seconds, timer, now);
      going();
    }
  }
  return work();
}
