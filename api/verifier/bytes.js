// @ts-check
/**
 * Bytes and texts, and what can be wrong with evidence.
 *
 * The files of this folder are one script in the saved page: their imports are left out there, so that no two of
 * them may use one name for different things.
 */

/** Something that is wrong with evidence, with the `code` that the Python verifier gives it. */
export class EvidenceError extends Error {
  /** @param {string} code @param {string} reason */
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }
}

const CHUNK_BYTES = 0x8000; // arguments of one call

/** @param {string} text @returns {Uint8Array} */
export const encodeUtf8 = (text) => new TextEncoder().encode(text);

/** The text of UTF-8; null if it is none. A byte order mark is a character like the others. @param {Uint8Array} data */
export function decodeUtf8(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}

/** Each byte as the character of its number (Latin-1). @param {Uint8Array} data */
export function decodeLatin1(data) {
  let text = "";
  for (let at = 0; at < data.length; at += CHUNK_BYTES) text += String.fromCharCode(...data.subarray(at, at + CHUNK_BYTES));
  return text;
}

/** @param {string} text of characters up to U+00FF */
export const encodeLatin1 = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** @param {Uint8Array} data */
export const toBase64 = (data) => btoa(decodeLatin1(data));

/** The bytes of base64 with padding (RFC 4648, section 4); null for every other spelling. @param {string} text */
export function fromBase64(text) {
  try {
    const data = encodeLatin1(atob(text));
    return toBase64(data) === text ? data : null;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} data */
export const toHex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {Uint8Array} one @param {Uint8Array} other */
export const sameBytes = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

/** @param {...Uint8Array} parts */
export function joinBytes(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number of big-endian bytes. @param {Uint8Array} data */
export const toNumber = (data) => data.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
