// @ts-check
/**
 * The API, called with the page token of one wallet. The token stays in this tab.
 *
 * @typedef {Error & {code?: string, facts?: Record<string, any>}} Refusal
 */

const TOKEN = "qrledger.page-token";
const KEY_BYTES = 16;
const CALL_MS_MAX = 30_000;

export const signedIn = () => sessionStorage.getItem(TOKEN) !== null;
export const signOut = () => sessionStorage.removeItem(TOKEN);

/** @param {string} token */
export const signIn = (token) => sessionStorage.setItem(TOKEN, token.trim());

/** The wallet's id, which its token contains. */
export function walletId() {
  const token = sessionStorage.getItem(TOKEN) ?? "";
  return `wal_${token.split("_")[1] ?? ""}`;
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
  const headers = {
    Accept: "application/json",
    Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`,
    ...(body !== undefined && { "Content-Type": "application/json" }),
    ...(key && { "Idempotency-Key": key }),
  };
  const sent = body === undefined ? null : JSON.stringify(body);
  const response = await fetch(path, { method, headers, body: sent, cache: "no-store", signal: AbortSignal.timeout(CALL_MS_MAX) });
  const result = await response.json();
  if (!response.ok) throw Object.assign(new Error(result.code), { code: result.code, facts: result });
  return result;
}
