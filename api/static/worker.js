// @ts-check
/** The service worker's registration; its address passes the one Trusted Types policy of a page. */

/** @param {string} url */
const own = (url) => {
  if (url !== "/sw.js") throw new TypeError(url);
  return url;
};

/** @type {any} */
let policy; // one of a name may be made

/** Register the worker, or get the one that is registered. @returns {Promise<ServiceWorkerRegistration>} */
export function register() {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  policy ??= types?.createPolicy("qrledger-worker", { createScriptURL: own });
  const options = /** @type {RegistrationOptions} */ ({ updateViaCache: "none" });
  return navigator.serviceWorker.register(policy?.createScriptURL("/sw.js") ?? "/sw.js", options);
}
