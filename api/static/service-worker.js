// @ts-check
/**
 * The service worker, served at `/sw.js` with a first line that states `EDITION` and `SHELL`.
 *
 * It keeps the wallet's shell: the static files of its own edition, and the text for a page that cannot be
 * loaded. It never keeps an answer of the API or a page of a session, and never answers for them: whatever
 * it does not know goes to the network as if it were not there, the files of any other edition too.
 */
const worker = /** @type {any} */ (globalThis);
const CACHE = `qrledger-shell-${worker.EDITION}`;
const OFFLINE = "/wallet/offline";

/** All or nothing: without the whole shell the worker is not installed, and the old one stays. */
async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...worker.SHELL, OFFLINE].map((url) => new Request(url, { cache: "reload" })));
  await worker.skipWaiting();
}

/** A new edition takes over at once; the caches of older ones go. */
async function activate() {
  const old = (await caches.keys()).filter((name) => name.startsWith("qrledger-shell-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** @param {Request} request */
async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const offline = await caches.match(OFFLINE, { cacheName: CACHE });
    if (offline) return offline;
    throw error;
  }
}

/** @param {Request} request */
async function file(request) {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  if (request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (origin === worker.origin && worker.SHELL.includes(pathname)) event.respondWith(file(request));
});
