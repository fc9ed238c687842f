// Runs the script of the verifier's page, as it stands in the HTML file, over jobs.
// node run_verifier.mjs <page.html> <jobs.json>; prints one JSON list with an outcome for each job.
import { open, readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [, , page, jobs] = process.argv;
const [, script] = /<script type="module">([^]*)<\/script>/.exec(await readFile(page, "utf8"));
await writeFile(`${page}.mjs`, script);
const verifier = await import(pathToFileURL(`${page}.mjs`));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const hex = (data) => Buffer.from(data).toString("hex");

async function fileSource(path) {
  const file = await open(path);
  const { size } = await file.stat();
  const read = async (offset, length) => {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  return { size, read, close: () => file.close() };
}

function trustOf(job) {
  try {
    return { policy: verifier.parseTrust(bytes(job.trust)) };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

async function bundle(job, policy) {
  const source = await fileSource(job.path);
  try {
    return await verifier.checkBundle(source, policy, job.older.map(bytes));
  } finally {
    await source.close();
  }
}

const actions = {
  trust: async (_, { policy }) => ({ logs: policy.logs.length, witnesses: policy.witnesses.size, quorum: policy.quorum }),
  receipt: async (job, { policy }) => verifier.checkReceipt(bytes(job.data), policy),
  bundle: async (job, { policy }) => bundle(job, policy),
  facts: async (job) => verifier.factsOf(job.event, job.language),
  hash: async (job) => [hex(verifier.sha256(bytes(job.data))), hex(verifier.sha512(bytes(job.data)))],
  signature: async (job) => {
    const parts = [job.key, job.signature, job.data].map(bytes);
    return [verifier.verifyHere(...parts), await verifier.verifySignature(...parts)];
  },
};

const outcomes = [];
for (const job of JSON.parse(await readFile(jobs, "utf8"))) {
  const trust = job.trust === undefined ? {} : trustOf(job);
  outcomes.push(trust.error ? { error: trust.error } : await actions[job.action](job, trust));
}
process.stdout.write(JSON.stringify(outcomes));
