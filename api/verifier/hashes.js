// @ts-check
/** SHA-256 and SHA-512 (FIPS 180-4). Browsers' own are asynchronous, which is slow for millions of small texts. */

const MASK_64 = (1n << 64n) - 1n;
const WORD = 64n;

/** The first 64 bits behind the point of a prime's root: all constants of the standard are such. @param {number} prime @param {bigint} degree */
function fraction(prime, degree) {
  const scaled = BigInt(prime) << (WORD * degree);
  let root = 1n << 72n; // above all of them: Newton's steps then only fall
  for (;;) {
    const next = ((degree - 1n) * root + scaled / root ** (degree - 1n)) / degree;
    if (next >= root) return root & MASK_64;
    root = next;
  }
}

/** @type {number[]} */
const PRIMES = [];
for (let number = 2; PRIMES.length < 80; number += 1) {
  if (PRIMES.every((prime) => number % prime)) PRIMES.push(number);
}
const ROUNDS_512 = PRIMES.map((prime) => fraction(prime, 3n));
const START_512 = PRIMES.slice(0, 8).map((prime) => fraction(prime, 2n));
/** @param {bigint[]} words of 64 bits; SHA-256 has their first halves */
const halves = (words) => Int32Array.from(words, (word) => Number(BigInt.asIntN(32, word >> 32n)));
const ROUNDS_256 = halves(ROUNDS_512.slice(0, 64));
const START_256 = halves(START_512);

/** The message, a bit 1, zeros, and the length in bits. @param {Uint8Array} data @param {number} block in bytes */
function padded(data, block) {
  const length = Math.ceil((data.length + 1 + block / 8) / block) * block;
  const whole = new Uint8Array(length);
  whole.set(data);
  whole[data.length] = 0x80;
  new DataView(whole.buffer).setBigUint64(length - 8, BigInt(data.length) * 8n);
  return new DataView(whole.buffer);
}

const words = new Int32Array(64);
/** @param {number} word @param {number} by */
const turn = (word, by) => (word >>> by) | (word << (32 - by));

/** @param {Uint8Array} data @returns {Uint8Array} 32 bytes */
export function sha256(data) {
  const view = padded(data, 64);
  const state = START_256.slice();
  for (let start = 0; start < view.byteLength; start += 64) {
    for (let i = 0; i < 16; i += 1) words[i] = view.getInt32(start + 4 * i);
    for (let i = 16; i < 64; i += 1) {
      const early = words[i - 15];
      const late = words[i - 2];
      const mixed = (turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)) + (turn(late, 17) ^ turn(late, 19) ^ (late >>> 10));
      words[i] = mixed + words[i - 16] + words[i - 7];
    }
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i += 1) {
      const word = ROUNDS_256[i] + words[i];
      const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + word) | 0;
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => digest.setInt32(4 * i, value));
  return new Uint8Array(digest.buffer);
}

/** @param {bigint} word @param {bigint} by */
const turn64 = (word, by) => ((word >> by) | (word << (WORD - by))) & MASK_64;

/** @param {Uint8Array} data a short message @returns {Uint8Array} 64 bytes */
export function sha512(data) {
  const view = padded(data, 128);
  let state = START_512;
  for (let start = 0; start < view.byteLength; start += 128) {
    const w = Array.from({ length: 16 }, (_, i) => view.getBigUint64(start + 8 * i));
    for (let i = 16; i < 80; i += 1) {
      const [oldest, early, middle, late] = [w[i - 16], w[i - 15], w[i - 7], w[i - 2]];
      const small = turn64(early, 1n) ^ turn64(early, 8n) ^ (early >> 7n);
      w.push((oldest + small + middle + (turn64(late, 19n) ^ turn64(late, 61n) ^ (late >> 6n))) & MASK_64);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 80; i += 1) {
      const word = ROUNDS_512[i] + w[i];
      const first = h + (turn64(e, 14n) ^ turn64(e, 18n) ^ turn64(e, 41n)) + ((e & f) ^ (~e & MASK_64 & g)) + word;
      const second = (turn64(a, 28n) ^ turn64(a, 34n) ^ turn64(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) & MASK_64, c, b, a, (first + second) & MASK_64];
    }
    const added = [a, b, c, d, e, f, g, h];
    state = state.map((value, i) => (value + added[i]) & MASK_64);
  }
  const digest = new DataView(new ArrayBuffer(64));
  state.forEach((value, i) => digest.setBigUint64(8 * i, value));
  return new Uint8Array(digest.buffer);
}
