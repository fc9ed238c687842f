// @ts-check
/**
 * Signatures by Ed25519 (RFC 8032): checked by the browser where it can, otherwise here.
 *
 * Nothing is secret when a signature is checked, so that this code need not take the same time for all.
 */
import { joinBytes, sameBytes, toNumber } from "./bytes.js";
import { sha512 } from "./hashes.js";

/** @typedef {[bigint, bigint, bigint, bigint]} Point X, Y, Z and T = XY/Z (5.1.4) */

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** @param {bigint} number */
const modulo = (number) => ((number % P) + P) % P;

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
  let result = 1n;
  for (let rest = exponent, square = modulo(base); rest; rest >>= 1n, square = (square * square) % P) {
    if (rest & 1n) result = (result * square) % P;
  }
  return result;
}

const D = modulo(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
/** @type {Point} */
const NEUTRAL = [0n, 1n, 1n, 0n];

/** @param {Point} one @param {Point} other @returns {Point} */
function addPoints([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = modulo((y1 - x1) * (y2 - x2));
  const b = modulo((y1 + x1) * (y2 + x2));
  const c = modulo(2n * t1 * D * t2);
  const d = modulo(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)];
}

/** @param {bigint} times @param {Point} point */
function multiplyPoint(times, point) {
  let [sum, doubled] = [NEUTRAL, point];
  for (let rest = times; rest; rest >>= 1n) {
    if (rest & 1n) sum = addPoints(sum, doubled);
    doubled = addPoints(doubled, doubled);
  }
  return sum;
}

/** @param {Uint8Array} data */
const littleEndian = (data) => toNumber(data.slice().reverse());

/** The point of 32 bytes; null if there is none (5.1.3). @param {Uint8Array} data @returns {Point | null} */
function decodePoint(data) {
  const number = littleEndian(data);
  const y = BigInt.asUintN(255, number);
  const [above, below] = [modulo(y * y - 1n), modulo(D * y * y + 1n)];
  const square = modulo(above * power(below, P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (modulo(x * x) !== square) x = modulo(x * ROOT_OF_MINUS_ONE);
  const odd = number >> 255n;
  if (y >= P || modulo(x * x) !== square || (x === 0n && odd)) return null;
  if ((x & 1n) !== odd) x = P - x;
  return [x, y, 1n, modulo(x * y)];
}

/** @param {Point} point */
function encodePoint([x, y, z]) {
  const inverse = power(z, P - 2n);
  const number = modulo(y * inverse) | ((modulo(x * inverse) & 1n) << 255n);
  return Uint8Array.from({ length: 32 }, (_, i) => Number((number >> BigInt(8 * i)) & 255n));
}

const BASE = /** @type {Point} */ (decodePoint(Uint8Array.from({ length: 32 }, (_, i) => (i ? 0x66 : 0x58))));

/**
 * Check a signature with the code of this file (5.1.7, without the cofactor, as OpenSSL does).
 *
 * @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} message
 */
export function verifyHere(key, signature, message) {
  const point = decodePoint(key);
  const scalar = littleEndian(signature.slice(32));
  if (!point || signature.length !== 64 || scalar >= ORDER) return false;
  const challenge = littleEndian(sha512(joinBytes(signature.slice(0, 32), key, message))) % ORDER;
  const [x, y, z, t] = point;
  const expected = addPoints(multiplyPoint(scalar, BASE), multiplyPoint(challenge, [modulo(-x), y, z, modulo(-t)]));
  return sameBytes(encodePoint(expected), signature.slice(0, 32));
}

/** Whether the browser knows Ed25519. It knows nothing on pages that came over plain http. */
export async function browserKnowsEd25519() {
  try {
    await crypto.subtle.importKey("raw", encodePoint(BASE), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

/** @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} message @returns {Promise<boolean>} */
export async function verifySignature(key, signature, message) {
  if (!(await browserKnowsEd25519())) return verifyHere(key, signature, message);
  try {
    const imported = await crypto.subtle.importKey("raw", Uint8Array.from(key), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, Uint8Array.from(signature), Uint8Array.from(message));
  } catch {
    return false; // no key at all
  }
}
