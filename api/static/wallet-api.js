// @ts-check
/**
 * The API, called with the page token of one wallet. The token stays in this tab, but on a phone that a demo has
 * signed in.
 *
 * @typedef {Error & {code?: string, facts?: Record<string, any>}} Refusal
 */

const TOKEN = "qrledger.page-token";
const KEY_BYTES = 16;
const CALL_MS_MAX = 30_000;
const SAVING_MS_MAX = 60_000;

/** Of this tab, or of every tab of a phone that a demo has signed in. */
const token = () => sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN);

export const signedIn = () => token() !== null;

export function signOut() {
  sessionStorage.removeItem(TOKEN);
  localStorage.removeItem(TOKEN);
}

/** Sign in every tab of this browser; for the wallet of a demo only. @param {string} token */
export const keepSignedIn = (token) => localStorage.setItem(TOKEN, token);

/** @param {string} text */
export const signIn = (text) => sessionStorage.setItem(TOKEN, text.trim());

const IN_ADDRESS = /^#token=(qrw_[0-9a-z_]{1,200})$/;

/**
 * Sign in with the token in the address of a test ledger's link. The address is without it at once, whatever
 * it was: neither history nor bookmarks keep it.
 *
 * @param {string} mode of the ledger; in a live one nobody is signed in by following a link
 * @returns {boolean} whether the payer was signed in
 */
export function signInFromAddress(mode) {
  if (!location.hash.startsWith("#token=")) return false;
  const token = IN_ADDRESS.exec(location.hash)?.[1];
  history.replaceState(null, "", location.pathname + location.search);
  if (mode !== "test" || !token) return false;
  signIn(token);
  return true;
}

/** The wallet's id, which its token contains. */
export function walletId() {
  return `wal_${token()?.split("_")[1] ?? ""}`;
}

/** A new idempotency key; `crypto.randomUUID` is missing where a page came over plain http. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether a call had no answer, so that nobody knows what it did. @param {unknown} error */
export const offline = (error) => error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");

/**
 * @param {string} method @param {string} path @param {unknown} [body] @param {string} [key]
 * @returns {Promise<any>}
 * @throws {Refusal} with the code and the facts of the problem document; an error that is `offline` without a connection
 */
export async function call(method, path, body, key) {
  const response = await request(method, path, body, key);
  return response.json();
}

/**
 * Save a file of the API on the device.
 *
 * @param {string} path @param {string} name of the file
 * @throws {Refusal} see `call`
 */
export async function save(path, name) {
  const response = await request("GET", path);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVING_MS_MAX);
}

/** @param {string} method @param {string} path @param {unknown} [body] @param {string} [key] */
async function request(method, path, body, key) {
  const headers = {
    Accept: "application/json",
    Authorization: `Bearer ${token()}`,
    ...(body !== undefined && { "Content-Type": "application/json" }),
    ...(key && { "Idempotency-Key": key }),
  };
  const sent = body === undefined ? null : JSON.stringify(body);
  const response = await fetch(path, { method, headers, body: sent, cache: "no-store", signal: AbortSignal.timeout(CALL_MS_MAX) });
  if (response.ok) return response;
  const facts = await response.json();
  throw Object.assign(new Error(facts.code), { code: facts.code, facts });
}
