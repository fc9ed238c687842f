// @ts-check
/** Who must have signed: keys one a line, or a C2SP tlog-policy. */
import { decodeLatin1, decodeUtf8, encodeLatin1, EvidenceError } from "./bytes.js";
import { LOG, parseCheckpoint, parseKey, signersOf, WITNESS } from "./notes.js";

/**
 * @typedef {import("./notes.js").Key} Key
 * @typedef {{threshold: number, members: string[]}} Group
 * @typedef {{logs: Key[], witnesses: Map<string, Key>, groups: Map<string, Group>, quorum: string}} Policy
 * @typedef {{checkpoint: import("./notes.js").Checkpoint, logs: Key[], witnesses: Map<Key, bigint>}} Endorsed
 */

const POLICY_BYTES_MAX = 256 * 1024;
const OF_A_KIND_MAX = 64;
const NO_QUORUM = "none";

/** @param {Key} one @param {Key} other */
const samePublic = (one, other) => one.public.join() === other.public.join();

/** @param {boolean} condition @param {string} reason */
function demand(condition, reason) {
  if (!condition) throw new EvidenceError("malformed-policy", reason);
}

/** Takes in one line after the other. */
class PolicyReader {
  constructor() {
    /** @type {Policy} */
    this.policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: "" };
    /** @type {Set<string>} */
    this.members = new Set();
  }

  /** @param {string[]} line its words */
  read([kind = "", ...words]) {
    const [first = "", second = "", ...rest] = words;
    const { logs, witnesses, groups } = this.policy;
    if (kind === "log" && first) {
      const key = this.key(first, LOG, words.slice(1));
      demand(!logs.some((one) => samePublic(one, key)), "two logs have the same key");
      logs.push(key);
    } else if (kind === "witness" && second) {
      const key = this.key(second, WITNESS, rest);
      this.checkNew(first);
      demand(![...witnesses.values()].some((one) => samePublic(one, key)), "two witnesses have the same key");
      witnesses.set(first, key);
    } else if (kind === "group" && rest.length) {
      this.group(first, second, rest);
    } else if (kind === "quorum" && words.length === 1) {
      demand(!this.policy.quorum, "a second quorum line");
      if (first !== NO_QUORUM) this.checkDefined(first);
      this.policy.quorum = first;
    } else {
      demand(false, `no line of a policy: ${kind.slice(0, 40)}`);
    }
    demand(Math.max(logs.length, witnesses.size, groups.size) <= OF_A_KIND_MAX, `more than ${OF_A_KIND_MAX} of a kind`);
  }

  /** @param {string} name @param {string} threshold @param {string[]} members */
  group(name, threshold, members) {
    this.checkNew(name);
    for (const member of members) {
      this.checkDefined(member);
      demand(!this.members.has(member), "a name is a member twice");
      this.members.add(member);
    }
    const number = /^[1-9][0-9]{0,3}$/.test(threshold) ? Number(threshold) : 0;
    const count = threshold === "any" ? 1 : threshold === "all" ? members.length : number;
    demand(count >= 1 && count <= members.length, "the threshold of a group is `all`, `any` or 1 to its members");
    this.policy.groups.set(name, { threshold: count, members });
  }

  /** @param {string} text @param {number} type @param {string[]} rest */
  key(text, type, rest) {
    const key = parseKey(new TextDecoder("utf-8", { ignoreBOM: true }).decode(encodeLatin1(text)));
    demand(key.type === type, "a log has a key of the type 1, a witness one of the type 4");
    demand(rest.length <= 1, "words after the address");
    return key;
  }

  /** @param {string} name */
  checkNew(name) {
    const { witnesses, groups } = this.policy;
    demand(name !== NO_QUORUM && !witnesses.has(name) && !groups.has(name), "a name is defined twice, or is `none`");
  }

  /** @param {string} name */
  checkDefined(name) {
    demand(this.policy.witnesses.has(name) || this.policy.groups.has(name), "a name is used that no line above has defined");
  }
}

/** The policy of its bytes. @param {Uint8Array} data @returns {Policy} @throws {EvidenceError} `malformed-policy` */
export function parsePolicy(data) {
  demand(data.length <= POLICY_BYTES_MAX, `a policy has at most ${POLICY_BYTES_MAX} bytes`);
  const lines = decodeLatin1(data).split("\n");
  demand(lines.pop() === "", "the last line of a policy ends with a newline");
  const reader = new PolicyReader();
  lines.forEach((line, at) => {
    const words = line.split(/[ \t]+/).filter(Boolean);
    try {
      demand(!/[\0-\x08\x0a-\x1f\x7f]/.test(line), "a control character");
      if (words.length && !words[0]?.startsWith("#")) reader.read(words);
    } catch (error) {
      throw new EvidenceError("malformed-policy", `line ${at + 1}: ${/** @type {Error} */ (error).message}`);
    }
  });
  demand(Boolean(reader.policy.quorum), "a policy has a quorum line, such as `quorum none`");
  return reader.policy;
}

/**
 * What a person has pasted: a policy, or keys one a line, of which every witness must have cosigned.
 *
 * @param {Uint8Array} data @returns {Policy} @throws {EvidenceError} `malformed-policy` or `malformed-key`
 */
export function parseTrust(data) {
  const text = decodeLatin1(data);
  if (/^[ \t]*(?:log|witness|group|quorum)[ \t]/m.test(text)) return parsePolicy(data);
  const lines = (decodeUtf8(data) ?? "").split("\n").map((line) => line.trim());
  const keys = lines.filter(Boolean).slice(0, 2 * OF_A_KIND_MAX).map(parseKey);
  const logs = keys.filter((key) => key.type === LOG);
  if (!logs.length) throw new EvidenceError("malformed-key", "there is no key of a log");
  const witnesses = new Map(keys.filter((key) => key.type === WITNESS).map((key) => [`${key.name}+${key.id}`, key]));
  const members = [...witnesses.keys()];
  const groups = new Map(members.length ? [["all", { threshold: members.length, members }]] : []);
  return { logs, witnesses, groups, quorum: members.length ? "all" : NO_QUORUM };
}

/** @param {Policy} policy @param {string} name @param {Set<Key>} signers @returns {boolean} */
function isMet(policy, name, signers) {
  if (name === NO_QUORUM) return true;
  const witness = policy.witnesses.get(name);
  if (witness) return signers.has(witness);
  const group = /** @type {Group} */ (policy.groups.get(name));
  return group.members.filter((one) => isMet(policy, one, signers)).length >= group.threshold;
}

/** The checkpoint of a note that meets a policy. @param {Policy} policy @param {import("./notes.js").Note} note @returns {Promise<Endorsed>} */
export async function checkPolicy(policy, note) {
  const checkpoint = parseCheckpoint(note.text);
  const keys = policy.logs.filter((key) => key.name === checkpoint.origin);
  if (!keys.length) throw new EvidenceError("other-log", `the checkpoint is of the log ${checkpoint.origin}, which is not trusted`);
  const signers = await signersOf(note, [...keys, ...policy.witnesses.values()]);
  const logs = keys.filter((key) => signers.has(key));
  if (!logs.length) throw new EvidenceError("unknown-signer", "no trusted key of the log has signed the checkpoint");
  const witnesses = new Map([...signers].filter(([key]) => key.type === WITNESS));
  if (!isMet(policy, policy.quorum, new Set(witnesses.keys()))) {
    const have = `${witnesses.size} of ${policy.witnesses.size} witnesses have cosigned`;
    throw new EvidenceError("quorum-missing", `${have}, which does not meet the quorum ${policy.quorum}`);
  }
  return { checkpoint, logs, witnesses };
}
