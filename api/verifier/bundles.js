// @ts-check
/** Bundles: the tar, and every hash in it, up to the signed root. The rules of payments are `qrledger audit verify`'s. */
import { decodeUtf8, encodeUtf8, EvidenceError, joinBytes, sameBytes, toHex } from "./bytes.js";
import { parseCheckpoint, parseNote } from "./notes.js";
import { checkPolicy } from "./policies.js";
import { decodeLeaf, plain } from "./receipts.js";
import { Frontier, HASH_BYTES, hashLeaf } from "./tree.js";

/**
 * @typedef {{size: number, read: (offset: number, length: number) => Promise<Uint8Array>}} Source
 * @typedef {{offset: number, size: number}} Member
 * @typedef {{check: string, position: number, text: string}} Finding
 * @typedef {{verdict: "proven" | "not-proven" | "unreadable", code: string, reason: string, origin: string, size: number | string,
 *   root: string, older: number, findings: Finding[], findings_count: number}} BundleOutcome
 */

const BLOCK = 512;
const TILE_WIDTH = 256;
const ENTRIES_BYTES_MAX = TILE_WIDTH * (2 + 65_535);
const MEMBERS_MAX = 10_000_000;
const FINDINGS_MAX = 1_000;
const READ_MODELS = ["sessions", "wallet_payments", "balances", "payouts", "refunds", "attempts", "static_codes", "journal"];
/** @type {Map<string, number>} the members with a fixed name, and their most bytes */
const FIXED = new Map([["format", 64], ["checkpoint", 64 * 1024], ["manifest.json", 64 * 1024], ["commands.ndjson", Infinity],
  ...READ_MODELS.map((name) => /** @type {[string, number]} */ ([`read_models/${name}.ndjson`, Infinity]))]);

/** @param {string} reason @returns {never} */
function malformedBundle(reason) {
  throw new EvidenceError("malformed-bundle", reason);
}

/** The path of a tile: 1234067 is `x001/x234/067`. @param {string} level @param {number} index @param {number} width */
export function tilePath(level, index, width) {
  const elements = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest; rest = Math.floor(rest / 1000)) elements.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  return `tile/${level}/${elements.join("/")}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

/** @param {string} name */
function isTile(name) {
  const [, level = "", index = "", width] = /^tile\/(entries|0)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(name) ?? [];
  const isPartial = width !== undefined;
  const number = Number(index.replace(/[x/]/g, ""));
  return level !== "" && number <= 2 ** 55 - 1 && !(isPartial && Number(width) >= TILE_WIDTH) && tilePath(level, number, Number(width ?? TILE_WIDTH)) === name;
}

/** The only header that a member of this name and size may have. @param {string} name @param {number} size */
function headerOf(name, size) {
  const block = new Uint8Array(BLOCK);
  /** @param {number} at @param {string} text */
  const put = (at, text) => block.set(encodeUtf8(text), at);
  put(0, name);
  put(100, "0000644\0" + "0000000\0" + "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0` + "00000000000\0");
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\0" + "00");
  put(148, `${block.reduce((sum, byte) => sum + byte).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** @param {Uint8Array} block @returns {[string, number]} */
function parseHeader(block) {
  const name = (decodeUtf8(block.subarray(0, 100)) ?? "").replace(/\0+$/, "");
  const digits = decodeUtf8(block.subarray(124, 135)) ?? "";
  const size = /^[0-7]{11}$/.test(digits) ? parseInt(digits, 8) : -1;
  if (/[^\0-\x7f]/.test(name) || size < 0 || !sameBytes(headerOf(name, size), block)) malformedBundle("a header that no bundle has: a link, a folder, or another program's");
  const most = FIXED.get(name) ?? (isTile(name) ? (name.startsWith("tile/0/") ? TILE_WIDTH * HASH_BYTES : ENTRIES_BYTES_MAX) : -1);
  if (size > most) malformedBundle(most < 0 ? `a bundle has no member ${name.slice(0, 120)}` : `${name} has ${size} bytes`);
  return [name, size];
}

/** The members of a tar. @param {Source} source @returns {Promise<Map<string, Member>>} */
async function indexTar(source) {
  /** @type {Map<string, Member>} */
  const members = new Map();
  let offset = 0;
  for (;;) {
    if (offset + BLOCK > source.size) malformedBundle("the file is cut off");
    const block = await source.read(offset, BLOCK);
    offset += BLOCK;
    if (block.every((byte) => byte === 0)) break;
    const [name, size] = parseHeader(block);
    if (members.has(name)) malformedBundle(`the member ${name} is there twice`);
    if (members.size >= MEMBERS_MAX) malformedBundle(`a bundle has at most ${MEMBERS_MAX} members`);
    members.set(name, { offset, size });
    offset += Math.ceil(size / BLOCK) * BLOCK;
    if (offset > source.size) malformedBundle(`the file is cut off in ${name}`);
  }
  for (; offset < source.size; offset += BLOCK) {
    const rest = await source.read(offset, Math.min(BLOCK, source.size - offset));
    if (rest.some((byte) => byte !== 0)) malformedBundle("there is something after the end of the archive");
  }
  return members;
}

/** Whether an object has exactly these members, all of them whole numbers from 0. @param {any} document @param {string[]} names */
const hasNumbers = (document, ...names) =>
  Object.keys(document).sort().join() === names.sort().join() && names.every((name) => Number.isSafeInteger(document[name]) && document[name] >= 0);

/** @param {Uint8Array} data */
function parseManifest(data) {
  const text = decodeUtf8(data) ?? "";
  try {
    const { read_models: models, ...rest } = JSON.parse(text);
    /** @type {{position: number}[]} */
    const parts = Object.values(models);
    const isWhole = hasNumbers(rest, "format", "size", "first", "last", "commands") && parts.every((part) => hasNumbers(part, "position", "rows"));
    if (isWhole && rest.format === 1 && !/\d[.eE]/.test(text)) return { ...rest, models };
  } catch {
    // what follows refuses it
  }
  return malformedBundle("manifest.json is not a manifest of this format");
}

/** The leaves of an entry bundle; null if it does not consist of exactly `width` of them. @param {Uint8Array} data @param {number} width */
function splitEntries(data, width) {
  const leaves = [];
  let at = 0;
  while (at + 2 <= data.length && leaves.length < width) {
    const start = at + 2;
    at = start + ((data[at] << 8) | data[at + 1]);
    leaves.push(data.subarray(start, at));
  }
  return at === data.length && leaves.length === width ? leaves : null;
}

/** One verification of a bundle: collects what it finds. */
class BundleCheck {
  /** @param {Source} source @param {Map<string, Member>} members */
  constructor(source, members) {
    this.source = source;
    this.members = members;
    /** @type {Finding[]} */
    this.findings = [];
    this.count = 0;
  }

  /** @param {string} check @param {string} text @param {number} [position] */
  add(check, text, position = 0) {
    this.count += 1;
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ check, position, text });
  }

  /** @param {string} name */
  async read(name) {
    const member = this.members.get(name) ?? malformedBundle(`the bundle has no member ${name}`);
    return this.source.read(member.offset, member.size);
  }

  /** The manifest, the note and its checkpoint. */
  async head() {
    const [, format] = /^qrledger-bundle ([1-9][0-9]{0,5})\n$/.exec(decodeUtf8(await this.read("format")) ?? "") ?? malformedBundle("the member `format` does not say `qrledger-bundle 1`");
    if (format !== "1") throw new EvidenceError("newer-format", `the bundle has format ${format}; this page reads 1`);
    const manifest = parseManifest(await this.read("manifest.json"));
    const note = parseNote(await this.read("checkpoint"));
    return { manifest, note, checkpoint: parseCheckpoint(note.text) };
  }

  /** Whether the bundle has the members that its checkpoint demands. @param {any} manifest @param {number} size */
  hasAllParts(manifest, size) {
    const before = this.count;
    if (manifest.size !== size) this.add("parts", `the manifest speaks of ${manifest.size} events, the checkpoint of ${size}`);
    if (Object.keys(manifest.models).sort().join() !== [...READ_MODELS].sort().join()) this.add("parts", "the manifest does not name the read models of a bundle");
    for (const [name, part] of Object.entries(manifest.models)) {
      if (/** @type {any} */ (part).position > size) this.add("parts", `${name} is after the last event`);
    }
    if (manifest.first !== 1 || manifest.last !== manifest.size) this.add("parts", `only positions ${manifest.first} to ${manifest.last} of ${size}: this is a part`);
    const expected = new Set(FIXED.keys());
    for (let start = 0; start < size; start += TILE_WIDTH) {
      for (const level of ["entries", "0"]) expected.add(tilePath(level, start / TILE_WIDTH, Math.min(TILE_WIDTH, size - start)));
      if (expected.size > this.members.size) break; // some are missing, whatever follows
    }
    const missing = [...expected].filter((name) => !this.members.has(name));
    const extra = [...this.members.keys()].filter((name) => !expected.has(name));
    if (missing.length) this.add("parts", `members are missing, such as ${missing[0]}`);
    if (extra.length) this.add("parts", `members are not expected, such as ${extra[0]}`);
    return this.count === before;
  }

  /**
   * Hash every leaf, compare it with its tile, and return the roots of the sizes that are asked for.
   *
   * @param {number} size @param {number[]} sizes @param {(share: number) => void} onProgress
   */
  async roots(size, sizes, onProgress) {
    const [events, tiles] = [new Frontier(), new Frontier()];
    /** @type {Map<number, Uint8Array>} */
    const roots = new Map();
    let [isWhole, areTilesWhole] = [true, true];
    const wanted = new Set([...sizes, size]);
    const keep = () => wanted.has(events.size) && isWhole && roots.set(events.size, events.root());
    keep();
    for (let first = 1; first <= size; first += TILE_WIDTH) {
      const [index, width] = [(first - 1) / TILE_WIDTH, Math.min(TILE_WIDTH, size - first + 1)];
      const data = await this.read(tilePath("entries", index, width));
      const stated = await this.read(tilePath("0", index, width));
      const leaves = splitEntries(data, width);
      if (stated.length !== width * HASH_BYTES) {
        areTilesWhole = false;
        this.add("tile-hash", `${tilePath("0", index, width)} has ${stated.length} bytes`, first);
      }
      if (!leaves) this.reportEntries(data, stated, first, width);
      isWhole &&= leaves !== null;
      for (let number = 0; number < width; number += 1) {
        const claimed = stated.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES);
        if (areTilesWhole) tiles.append(claimed);
        if (!leaves) continue;
        const hash = hashLeaf(leaves[number]);
        if (areTilesWhole && !sameBytes(hash, claimed)) this.add("leaf-hash", "the event does not hash to its place in the tile", first + number);
        this.checkPosition(leaves[number], first + number);
        events.append(hash);
        keep();
      }
      onProgress(Math.min(1, (first + width) / size));
    }
    return { roots, byTiles: areTilesWhole ? tiles.root() : null };
  }

  /** Report the first leaf of an entry bundle that has other lengths than it says. @param {Uint8Array} data @param {Uint8Array} stated @param {number} first @param {number} width */
  reportEntries(data, stated, first, width) {
    let [at, number] = [0, 0];
    for (; number < width - 1; number += 1) {
      const end = at + 2 + ((data[at] << 8) | data[at + 1]);
      if (!sameBytes(hashLeaf(data.subarray(at + 2, end)), stated.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES))) break;
      at = end;
    }
    this.add("leaf-hash", `an entry bundle does not have ${width} leaves`, first + number);
  }

  /** @param {Uint8Array} data @param {number} expected */
  checkPosition(data, expected) {
    try {
      const { position } = decodeLeaf(data);
      if (position !== BigInt(expected)) this.add("gapless-positions", `the event has the position ${position}`, expected);
    } catch (error) {
      this.add("leaf", /** @type {Error} */ (error).message, expected);
    }
  }
}

/** @param {import("./policies.js").Policy} policy @returns {import("./policies.js").Policy} the keys of its logs alone */
const logsOnly = (policy) => ({ ...policy, witnesses: new Map(), groups: new Map(), quorum: "none" });

/**
 * Check the hashes of a bundle: that its events lead to the signed root, and continue older checkpoints.
 *
 * @param {Source} source @param {import("./policies.js").Policy} policy
 * @param {Uint8Array[]} [older] checkpoints that somebody has kept @param {(share: number) => void} [onProgress]
 * @returns {Promise<BundleOutcome>}
 */
export async function checkBundle(source, policy, older = [], onProgress = () => {}) {
  /** @type {BundleOutcome} */
  const outcome = { verdict: "unreadable", code: "", reason: "", origin: "", size: 0, root: "", older: older.length, findings: [], findings_count: 0 };
  try {
    const notes = older.map(parseNote).map((note) => ({ note, ...parseCheckpoint(note.text) }));
    const check = new BundleCheck(source, await indexTar(source));
    const { manifest, note, checkpoint } = await check.head();
    Object.assign(outcome, { origin: checkpoint.origin, size: plain(checkpoint.size), root: toHex(checkpoint.root) });
    await checkPolicy(policy, note).catch((error) => check.add("signatures", error.message));
    const size = Number(checkpoint.size);
    const roots = check.hasAllParts(manifest, size) ? await check.roots(size, notes.map((one) => Number(one.size)), onProgress) : null;
    if (roots) compareRoots(check, checkpoint.root, roots.roots.get(size), roots.byTiles);
    for (const old of notes) {
      const wrong = await checkPolicy(logsOnly(policy), old.note).then(() => "", (error) => error.message);
      const computed = roots?.roots.get(Number(old.size));
      if (wrong || old.origin !== checkpoint.origin) check.add("older-note", wrong || `an older checkpoint is of the log ${old.origin}`);
      else if (old.size > checkpoint.size) check.add("older-note", `positions ${size + 1} to ${old.size} are missing`, size + 1);
      else if (roots && !(computed && sameBytes(computed, old.root))) check.add("older-note", `the first ${old.size} events do not have the root of an older checkpoint`);
    }
    return { ...outcome, verdict: check.count ? "not-proven" : "proven", findings: check.findings, findings_count: check.count };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return { ...outcome, code: error.code, reason: error.message };
  }
}

/** @param {BundleCheck} check @param {Uint8Array} signed @param {Uint8Array | undefined} byEvents @param {Uint8Array | null} byTiles */
function compareRoots(check, signed, byEvents, byTiles) {
  if (!byEvents || !sameBytes(byEvents, signed)) check.add("root", "the events do not lead to the root of the checkpoint");
  else if (!byTiles || !sameBytes(byTiles, signed)) check.add("root", "the tiles do not lead to the root of the checkpoint; the events do");
}

/** @param {Uint8Array} data @returns {Source} */
export const sourceOf = (data) => ({ size: data.length, read: async (offset, length) => joinBytes(data.subarray(offset, offset + length)) });
