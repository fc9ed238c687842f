// @ts-check
/** Receipts (`.tlog-proof`): the leaf of one event, its proof and the checkpoint. */
import { decodeUtf8, EvidenceError, fromBase64, toHex, toNumber } from "./bytes.js";
import { parseNote } from "./notes.js";
import { checkPolicy } from "./policies.js";
import { HASH_BYTES, hashLeaf, SIZE_MAX, verifyInclusion } from "./tree.js";

/**
 * @typedef {{position: number | string, type: string, subject: string, version: number | string, recorded_at: string,
 *   actor: string, data: any, origin: string, size: number | string, witnesses: Record<string, string>}} Proven
 * @typedef {{verdict: "proven" | "not-proven" | "unreadable", code: string, reason: string, event: Proven | null}} Outcome
 * @typedef {{position: bigint, stream: Uint8Array, version: bigint, recordedAt: bigint, actor: string, topic: string, state: Uint8Array}} Leaf
 */

const HEADER = "c2sp.org/tlog-proof@v1";
const RECEIPT_BYTES_MAX = 256 * 1024;
const HASHES_MAX = 63;
const STATE_BYTES_MAX = 60_000;
const TEXT_BYTES_MAX = 2_000;
const TIME_US_MAX = 253_402_300_799_999_999n; // the last microsecond of the year 9999
const LEAF_FORMAT = 1;

/** What the beginning of a topic makes of a stream's id; of every other event the page shows the UUID. */
const PREFIXES = new Map([["payment_session", "ps"], ["refund", "ps"], ["attempt", "ps"], ["dispute", "ps"], ["wallet", "wal"],
  ["order", "ord"], ["merchant", "mer"], ["wallet_app", "app"], ["key", "key"], ["payout", "pay"], ["fx_quote", "quo"],
  ["static_code", "sc"], ["log", "log"], ["clock", "clk"], ["key_ring", "kr"], ["top_up_reference", "tur"], ["refusal", "rfl"],
  ["suspense", "sus"], ["settlement", "stl"], ["payable", "mdb"], ["treasury", "tre"], ["code_session", "cse"],
  ["webhook_endpoint", "whm"]]);
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** @param {string} reason @returns {never} */
const malformedLeaf = (reason) => {
  throw new EvidenceError("malformed-leaf", reason);
};

/** @param {Uint8Array} data @returns {Leaf} */
export function decodeLeaf(data) {
  let at = 0;
  /** @param {number} length */
  const take = (length) => {
    if (at + length > data.length) malformedLeaf("the leaf is cut off");
    at += length;
    return data.slice(at - length, at);
  };
  const takeText = () => {
    const length = Number(toNumber(take(2)));
    const text = length <= TEXT_BYTES_MAX ? decodeUtf8(take(length)) : null;
    return text ?? malformedLeaf("the actor or the topic is too long or not UTF-8");
  };
  const format = take(1)[0];
  if (format !== LEAF_FORMAT) malformedLeaf(`the leaf has the format ${format}; this page knows ${LEAF_FORMAT}`);
  const [position, stream, version, recordedAt] = [toNumber(take(8)), take(16), toNumber(take(8)), toNumber(take(8))];
  take(16 + 16 + 2); // the ids of the event and the command, and the schema version
  const [actor, topic] = [takeText(), takeText()];
  const length = Number(toNumber(take(4)));
  if (recordedAt > TIME_US_MAX) malformedLeaf("the time is after the year 9999");
  if (length > STATE_BYTES_MAX || length !== data.length - at) malformedLeaf("the leaf has another length than it says");
  return { position, stream, version, recordedAt, actor, topic, state: take(length) };
}

/** @param {bigint} number */
export const plain = (number) => (number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : String(number));

/** @param {bigint} microseconds since 1970 */
function timeText(microseconds) {
  const date = new Date(Number(microseconds / 1000n)).toISOString();
  return `${date.slice(0, 19)}.${String(microseconds % 1_000_000n).padStart(6, "0")}Z`;
}

/** The public id of a stream, such as `ps_01h455vb4pex5vsknk084sn02q`. @param {string} topic @param {Uint8Array} stream */
function subjectOf(topic, stream) {
  const prefix = PREFIXES.get(topic.split(".")[0] ?? "");
  const hex = toHex(stream);
  if (!prefix) return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  const number = toNumber(stream);
  const digits = Array.from({ length: 26 }, (_, i) => ALPHABET[Number((number >> BigInt(125 - 5 * i)) & 31n)]);
  return `${prefix}_${digits.join("")}`;
}

/** @param {Uint8Array} data */
export function parseReceipt(data) {
  /** @param {string} reason @returns {never} */
  const refuse = (reason) => {
    throw new EvidenceError("malformed-receipt", reason);
  };
  if (data.length > RECEIPT_BYTES_MAX) refuse(`a receipt has at most ${RECEIPT_BYTES_MAX} bytes`);
  const end = data.findIndex((byte, at) => byte === 10 && data[at + 1] === 10);
  const head = decodeUtf8(end < 0 ? data : data.subarray(0, end)) ?? refuse("the receipt is not UTF-8");
  const [header, extra = "", index = "", ...hashes] = head.split("\n");
  if (end < 0 || header !== HEADER) refuse(`a receipt begins with the line ${HEADER}`);
  if (!extra.startsWith("extra ")) refuse("the second line of a receipt is `extra` and its leaf");
  const number = /^index (0|[1-9][0-9]{0,18})$/.exec(index)?.[1] ?? refuse("the third line of a receipt is `index` and a number");
  if (BigInt(number) > SIZE_MAX) refuse("the third line of a receipt is `index` and a number");
  const leaf = fromBase64(extra.slice("extra ".length)) ?? refuse("the leaf of the receipt is no base64");
  const proof = hashes.map((line) => fromBase64(line) ?? refuse("a hash of the receipt is no base64"));
  if (proof.length > HASHES_MAX || proof.some((one) => one.length !== HASH_BYTES)) {
    refuse(`a receipt has at most ${HASHES_MAX} hashes of ${HASH_BYTES} bytes`);
  }
  return { leaf, index: BigInt(number), proof, note: parseNote(data.subarray(end + 2)) };
}

/** @param {Leaf} leaf @param {import("./policies.js").Endorsed} endorsed @returns {Proven} */
function provenEvent(leaf, { checkpoint, witnesses }) {
  /** @type {any} */
  let data;
  try {
    data = JSON.parse(decodeUtf8(leaf.state) ?? "");
  } catch {
    malformedLeaf("the event is not one of this program");
  }
  const times = [...witnesses].map(([key, at]) => [key.name, at * 1_000_000n > TIME_US_MAX ? `${at} seconds since 1970` : timeText(at * 1_000_000n)]);
  return {
    position: plain(leaf.position),
    type: leaf.topic,
    subject: subjectOf(leaf.topic, leaf.stream),
    version: plain(leaf.version),
    recorded_at: timeText(leaf.recordedAt),
    actor: leaf.actor,
    data,
    origin: checkpoint.origin,
    size: plain(checkpoint.size),
    witnesses: Object.fromEntries(times),
  };
}

/**
 * Check a receipt. Nothing of it is shown before everything was proven.
 *
 * @param {Uint8Array} data @param {import("./policies.js").Policy} policy @returns {Promise<Outcome>}
 */
export async function checkReceipt(data, policy) {
  /** @type {"not-proven" | "unreadable"} */
  let verdict = "unreadable";
  try {
    const receipt = parseReceipt(data);
    verdict = "not-proven";
    const endorsed = await checkPolicy(policy, receipt.note);
    const { size, root } = endorsed.checkpoint;
    verifyInclusion(receipt.index, size, hashLeaf(receipt.leaf), receipt.proof, root);
    const leaf = decodeLeaf(receipt.leaf);
    if (leaf.position !== receipt.index + 1n) throw new EvidenceError("malformed-receipt", "the leaf has another position than the index says");
    return { verdict: "proven", code: "", reason: "", event: provenEvent(leaf, endorsed) };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return { verdict, code: error.code, reason: error.message, event: null };
  }
}
