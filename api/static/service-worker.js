// @ts-check
/**
 * The service worker, served at `/sw.js` with a first line that states `EDITION` and `SHELL`.
 *
 * It shows push notifications, and keeps the wallet's shell: the static files of its own edition, and the text for a page that cannot be
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

const PAGE = /^\/q\/[0-9a-z]{26}$/;

/** The windows that show a page of this server. @returns {Promise<any[]>} */
const windows = () => worker.clients.matchAll({ type: "window", includeUncontrolled: true });

/** @param {any} client @param {string} path */
const shows = (client, path) => new URL(client.url).pathname.toLowerCase() === path;

/**
 * Show what has become of a payment, unless the payer is looking at it. A later message about the same
 * payment replaces the earlier one. @param {{json: () => any} | null} data
 */
async function notify(data) {
  /** @type {any} */
  let message;
  try {
    message = data?.json();
  } catch {
    return; // not of this server
  }
  const { title, body, lang, dir, path } = message ?? {};
  if (typeof title !== "string" || typeof path !== "string" || !PAGE.test(path)) return;
  const open = await windows();
  if (open.some((client) => client.visibilityState === "visible" && shows(client, path))) return;
  const icon = `/static/${worker.EDITION}/icon-192.png`;
  await worker.registration.showNotification(title, { body, lang, dir, icon, tag: path, renotify: true, data: { path, lang } });
}

/** Go to the payment's page: the window that shows it, or a new one. @param {any} notification */
async function open(notification) {
  notification.close();
  const { path, lang } = notification.data;
  const found = (await windows()).find((client) => shows(client, path));
  await (found ? found.focus() : worker.clients.openWindow(`${path}?lang=${encodeURIComponent(lang ?? "")}`));
}

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
worker.addEventListener("push", (/** @type {any} */ event) => event.waitUntil(notify(event.data)));
worker.addEventListener("notificationclick", (/** @type {any} */ event) => event.waitUntil(open(event.notification)));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  if (request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (origin === worker.origin && worker.SHELL.includes(pathname)) event.respondWith(file(request));
});
