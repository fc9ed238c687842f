// @ts-check
/** Keys, signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature), read strictly. */
import { decodeUtf8, encodeUtf8, EvidenceError, fromBase64, joinBytes, toHex, toNumber } from "./bytes.js";
import { verifySignature } from "./ed25519.js";
import { sha256 } from "./hashes.js";
import { HASH_BYTES, SIZE_MAX } from "./tree.js";

/**
 * @typedef {{name: string, type: number, public: Uint8Array, id: string}} Key
 * @typedef {{name: string, id: string, signature: Uint8Array}} Signature
 * @typedef {{text: string, signatures: Signature[]}} Note
 * @typedef {{origin: string, size: bigint, root: Uint8Array}} Checkpoint
 */

export const LOG = 1;
export const WITNESS = 4;
const NOTE_BYTES_MAX = 64 * 1024;
const SIGNATURES_MAX = 64;
const NAME_CHARS_MAX = 255;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const DASH = "\u2014 ";

/** What no name contains: characters that cannot be printed, spaces of every kind, and the plus sign. */
const NOT_IN_NAMES = /[\p{C}\p{Z}+]/u;

/** @param {string} name */
const isName = (name) => name !== "" && [...name].length <= NAME_CHARS_MAX && !NOT_IN_NAMES.test(name);

/** The key of a text `<name>+<key id>+<base64 of type and public key>`. @param {string} text @returns {Key} */
export function parseKey(text) {
  const [, name = "", id = "", encoded = ""] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(text) ?? [];
  const typed = fromBase64(encoded);
  if (!isName(name) || !typed) throw new EvidenceError("malformed-key", "a key has the form <name>+<key id>+<base64>");
  const type = typed[0] ?? 0;
  if ((type !== LOG && type !== WITNESS) || typed.length !== 1 + KEY_BYTES) {
    throw new EvidenceError("malformed-key", "a key is one of Ed25519, of the type 1 (log) or 4 (witness)");
  }
  const computed = toHex(sha256(joinBytes(encodeUtf8(`${name}\n`), typed)).slice(0, 4));
  if (computed !== id) throw new EvidenceError("malformed-key", "the key has another id than its text says");
  return { name, type, public: typed.slice(1), id };
}

/** @param {string} line @returns {Signature} */
function parseSignature(line) {
  const [, name = "", encoded = ""] = /^\u2014 ([^ ]*) (.*)$/s.exec(line) ?? [];
  const data = fromBase64(encoded);
  if (!line.startsWith(DASH) || !isName(name) || !data || data.length <= 4) {
    throw new EvidenceError("malformed-note", "a line after the text is no signature line");
  }
  return { name, id: toHex(data.slice(0, 4)), signature: data.slice(4) };
}

/** @param {Uint8Array} data @returns {Note} */
export function parseNote(data) {
  const text = data.length <= NOTE_BYTES_MAX ? decodeUtf8(data) : null;
  if (text === null) throw new EvidenceError("malformed-note", `a note is UTF-8 of at most ${NOTE_BYTES_MAX} bytes`);
  if (/[\0-\x09\x0b-\x1f]/.test(text)) {
    throw new EvidenceError("malformed-note", "the note contains a control character, such as a carriage return");
  }
  const end = text.lastIndexOf("\n\n") + 1;
  if (end <= 1 || !text.endsWith("\n")) throw new EvidenceError("malformed-note", "the note is not a text, an empty line and signature lines");
  const lines = text.slice(end + 1).split("\n").slice(0, -1);
  if (!lines.length || lines.length > SIGNATURES_MAX) {
    throw new EvidenceError("malformed-note", `a note has 1 to ${SIGNATURES_MAX} signature lines`);
  }
  return { text: text.slice(0, end), signatures: lines.map(parseSignature) };
}

/** The origin, size and root of a note's text: exactly these three lines. @param {string} text @returns {Checkpoint} */
export function parseCheckpoint(text) {
  const [origin = "", size = "", encoded = "", ...rest] = text.split("\n");
  const root = fromBase64(encoded);
  const isWhole = rest.length === 1 && rest[0] === "" && isName(origin) && /^(?:0|[1-9][0-9]{0,18})$/.test(size);
  if (!isWhole || BigInt(size) > SIZE_MAX || root?.length !== HASH_BYTES) {
    throw new EvidenceError("malformed-checkpoint", "a checkpoint has exactly three lines: origin, size and root");
  }
  return { origin, size: BigInt(size), root };
}

/** Whether a signature is the key's; of a witness its time, in seconds since 1970. @param {Key} key @param {string} text @param {Uint8Array} signature */
async function verifyLine(key, text, signature) {
  const isWitness = key.type === WITNESS;
  const time = isWitness ? toNumber(signature.slice(0, 8)) : 0n;
  const signed = isWitness ? signature.slice(8) : signature;
  const message = encodeUtf8(isWitness ? `cosignature/v1\ntime ${time}\n${text}` : text);
  const isValid = signed.length === SIGNATURE_BYTES && time <= SIZE_MAX && (await verifySignature(key.public, signed, message));
  if (!isValid) throw new EvidenceError("bad-signature", `the signature of ${key.name} is not valid`);
  return time;
}

/**
 * The keys that have signed, each with its time. Lines of other keys are ignored.
 *
 * @param {Note} note @param {Key[]} keys @returns {Promise<Map<Key, bigint>>}
 */
export async function signersOf(note, keys) {
  const known = new Map(keys.map((key) => [`${key.name} ${key.id}`, key]));
  /** @type {Map<Key, bigint>} */
  const signers = new Map();
  for (const one of note.signatures) {
    const key = known.get(`${one.name} ${one.id}`);
    if (!key) continue;
    if (signers.has(key)) throw new EvidenceError("bad-signature", `${key.name} has signed twice with one key`);
    signers.set(key, await verifyLine(key, note.text, one.signature));
  }
  if (!signers.size) throw new EvidenceError("unknown-signer", "no trusted key has signed the note");
  return signers;
}
