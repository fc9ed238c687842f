// @ts-check
/** The Merkle tree of RFC 6962: hashes, roots, and the proof that a leaf is in a tree (RFC 9162, 2.1.3.2). */
import { EvidenceError, joinBytes, sameBytes } from "./bytes.js";
import { sha256 } from "./hashes.js";

export const HASH_BYTES = 32;
export const SIZE_MAX = 2n ** 63n - 1n;

/** @param {Uint8Array} leaf */
export const hashLeaf = (leaf) => sha256(joinBytes(Uint8Array.of(0), leaf));

/** @param {Uint8Array} left @param {Uint8Array} right */
export const hashNode = (left, right) => sha256(joinBytes(Uint8Array.of(1), left, right));

/** A tree that only grows: the roots of its complete subtrees, largest first. */
export class Frontier {
  constructor() {
    this.size = 0;
    /** @type {Uint8Array[]} */
    this.peaks = [];
  }

  /** @param {Uint8Array} hash of the next leaf */
  append(hash) {
    let merged = hash;
    for (let rest = this.size; rest % 2; rest = (rest - 1) / 2) merged = hashNode(/** @type {Uint8Array} */ (this.peaks.pop()), merged);
    this.peaks.push(merged);
    this.size += 1;
  }

  /** The root of the tree as it is now. */
  root() {
    return this.peaks.length ? this.peaks.reduceRight((right, left) => hashNode(left, right)) : sha256(new Uint8Array());
  }
}

/** @param {bigint} number */
const bitLength = (number) => (number ? number.toString(2).length : 0);
/** @param {bigint} number */
const bitCount = (number) => number.toString(2).replaceAll("0", "").length;

/**
 * Check that a leaf is in a tree.
 *
 * @param {bigint} index @param {bigint} size @param {Uint8Array} hash of the leaf
 * @param {Uint8Array[]} proof hashes of 32 bytes, from the leaf's sibling upwards @param {Uint8Array} root
 * @throws {EvidenceError} `invalid-proof`
 */
export function verifyInclusion(index, size, hash, proof, root) {
  if (index >= size) throw new EvidenceError("invalid-proof", `a tree of size ${size} has no leaf ${index}`);
  const inner = bitLength(index ^ (size - 1n));
  const expected = inner + bitCount(index >> BigInt(inner));
  if (proof.length !== expected) throw new EvidenceError("invalid-proof", `the proof has ${proof.length} hashes instead of ${expected}`);
  const computed = proof.reduce((below, sibling, level) => {
    const onTheLeft = level >= inner || (index >> BigInt(level)) & 1n;
    return onTheLeft ? hashNode(sibling, below) : hashNode(below, sibling);
  }, hash);
  if (!sameBytes(computed, root)) throw new EvidenceError("invalid-proof", `the proof of leaf ${index} leads to another root`);
}
