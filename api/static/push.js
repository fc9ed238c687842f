// @ts-check
/**
 * The switch of push notifications. It asks for permission only when it is clicked, and says what stands in
 * the way. A subscription is the wallet's, so another wallet in this browser has a switch of its own.
 */
import { call, signedIn, walletId } from "./wallet-api.js";
import { register } from "./worker.js";

/** @typedef {"on" | "off" | "denied" | "unsupported" | "failed" | "waiting"} State */

const KEPT = "qrledger.push.";
const SUBSCRIBE_MS_MAX = 30_000;
const supported = () => "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

/** What this browser keeps of a wallet's subscription. @returns {{id: string, endpoint: string} | null} */
const kept = () => JSON.parse(localStorage.getItem(KEPT + walletId()) ?? "null");

/** The browser's own subscription. */
async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
const inTime = (promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error("timeout")), SUBSCRIBE_MS_MAX))]);

/** Subscribe at the browser's push service; one for another key of this server is replaced. */
async function subscribe() {
  const { public_key: applicationServerKey } = await call("GET", "/v1/push-key");
  await register();
  const { pushManager } = await inTime(navigator.serviceWorker.ready);
  const options = { userVisibleOnly: true, applicationServerKey };
  try {
    return await inTime(pushManager.subscribe(options));
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
    await (await pushManager.getSubscription())?.unsubscribe();
    return inTime(pushManager.subscribe(options));
  }
}

/** @param {PushSubscription} found */
async function tell(found) {
  const { endpoint, keys } = found.toJSON();
  const language = document.documentElement.lang;
  const body = { transport: "webpush", endpoint, keys, language };
  const { id } = await call("POST", `/v1/wallets/${walletId()}/push-subscriptions`, body);
  localStorage.setItem(KEPT + walletId(), JSON.stringify({ id, endpoint }));
}

/** @returns {Promise<State>} */
async function turnOn() {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "denied" : "off";
  await tell(await subscribe());
  return "on";
}

/** @returns {Promise<State>} */
async function turnOff() {
  const { id } = kept() ?? {};
  try {
    if (id) await call("DELETE", `/v1/wallets/${walletId()}/push-subscriptions/${id}`);
  } catch (error) {
    if (/** @type {{code?: string}} */ (error).code !== "not-found") throw error;
  }
  localStorage.removeItem(KEPT + walletId());
  const others = Object.keys(localStorage).some((name) => name.startsWith(KEPT));
  if (!others) await (await subscription())?.unsubscribe();
  return "off";
}

/** How the switch stands; the server is told if the browser has renewed its subscription. @returns {Promise<State>} */
async function standing() {
  if (!supported()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  const mine = kept();
  const found = mine && Notification.permission === "granted" ? await subscription() : null;
  if (!found) return "off";
  if (found.endpoint !== mine?.endpoint) await tell(found);
  return "on";
}

/**
 * @param {Record<string, string>} texts by state, and `turn_on` and `turn_off`
 * @returns {{show: () => Promise<void>}} to be called whenever somebody signs in or out
 */
export function pushSwitch(texts) {
  const section = /** @type {HTMLElement} */ (document.getElementById("push"));
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("push-switch"));
  const hint = /** @type {HTMLElement} */ (document.getElementById("push-hint"));

  /** @param {State} state */
  function render(state) {
    section.dataset.state = state;
    hint.textContent = texts[state] ?? "";
    button.hidden = state === "denied" || state === "unsupported";
    button.disabled = state === "waiting";
    if (state === "waiting") return;
    button.textContent = (state === "on" ? texts.turn_off : texts.turn_on) ?? "";
  }

  /** @param {() => Promise<State>} step */
  async function become(step) {
    try {
      render(await step());
    } catch {
      render("failed");
    }
  }

  button.addEventListener("click", () => {
    const step = section.dataset.state === "on" ? turnOff : turnOn;
    render("waiting");
    void become(step);
  });
  return {
    show: async () => {
      section.hidden = !signedIn();
      if (signedIn()) await become(standing);
    },
  };
}
