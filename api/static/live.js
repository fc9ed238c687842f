// @ts-check
/**
 * Follows one payment session: a socket that resumes, polling when there is none.
 *
 * What is shown only goes forward: a state older than one already told is dropped.
 *
 * @typedef {{version: number, status: string, server_time: string, expires_at: string, paid_at: string | null}} Session
 * @typedef {{live_url: string, poll_url: string, version: number, status: string}} Start
 * @typedef {"live" | "reconnecting" | "polling"} Connection
 */

const BACKOFF_MS = { first: 500, most: 30_000 };
const CALM_MS = 10_000; // after this long without trouble the pauses start small again
const WATCHDOG_MS = 60_000; // the server speaks every 25 s; silence is a dead socket
const FAILURES_BEFORE_POLLING = 3;
const POLL_MS = { first: 2_000, later: 10_000, after: 60_000 };
const OVER = new Set(["paid", "expired", "cancelled", "failed"]);

/**
 * @param {Start} start
 * @param {(session: Session) => void} onState
 * @param {(connection: Connection) => void} onConnection
 * @returns {{refresh: () => void}}
 */
export function follow(start, onState, onConnection) {
  let version = start.version;
  let status = start.status;
  let failures = 0;
  let pollingSince = 0;
  let etag = "";
  /** @type {WebSocket | null} */
  let socket = null;
  let retry = 0;
  let watchdog = 0;
  let polling = 0;

  const over = () => OVER.has(status);

  /** @param {Session} session */
  function take(session) {
    const expiredNow = session.version === version && session.status === "expired" && status !== "expired";
    if (session.version < version || (session.version === version && session.status !== status && !expiredNow)) return;
    version = session.version;
    status = session.status;
    onState(session);
  }

  function connect() {
    clearTimeout(retry);
    if (socket || over()) return;
    const opened = performance.now();
    const mine = new WebSocket(`${start.live_url}&after=${version}`);
    socket = mine;
    const guard = () => {
      clearTimeout(watchdog);
      watchdog = window.setTimeout(() => mine.close(), WATCHDOG_MS);
    };
    mine.onopen = () => {
      guard();
      failures = 0;
      stopPolling();
      onConnection("live");
    };
    mine.onmessage = (event) => {
      guard();
      /** @type {any} */
      let told;
      try {
        told = JSON.parse(event.data);
      } catch {
        return; // broken messages change nothing
      }
      if (told?.type === "event" && told.seq > version + 1) return mine.close(); // a gap: resume
      if ((told?.type === "event" || told?.type === "snapshot") && told.session) take(told.session);
    };
    mine.onclose = (event) => {
      clearTimeout(watchdog);
      socket = null;
      if (over()) return;
      if (event.code === 4001) return startPolling(); // the token is over: the address still shows
      failures = performance.now() - opened > CALM_MS ? 1 : failures + 1;
      if (failures >= FAILURES_BEFORE_POLLING) startPolling();
      else onConnection("reconnecting");
      const ceiling = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** failures);
      retry = window.setTimeout(connect, Math.random() * ceiling);
    };
  }

  async function poll() {
    clearTimeout(polling);
    try {
      const headers = { Accept: "application/json", ...(etag && { "If-None-Match": etag }) };
      const response = await fetch(start.poll_url, { headers, cache: "no-store" });
      if (response.status === 401 || response.status === 404) {
        location.reload(); // a page left open for too long: the server says what to do
        return;
      }
      if (response.ok) {
        etag = response.headers.get("ETag") ?? "";
        take(await response.json());
      }
    } catch {
      // no network: the next look may have one
    }
    if (pollingSince && !over()) {
      const long = performance.now() - pollingSince > POLL_MS.after;
      polling = window.setTimeout(poll, long ? POLL_MS.later : POLL_MS.first);
    }
  }

  function startPolling() {
    onConnection("polling");
    if (pollingSince) return;
    pollingSince = performance.now();
    void poll();
  }

  function stopPolling() {
    pollingSince = 0;
    clearTimeout(polling);
  }

  function refresh() {
    if (over()) return;
    void poll();
    connect();
  }

  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
  window.addEventListener("pageshow", (event) => event.persisted && refresh());
  window.addEventListener("online", refresh);
  connect();
  return { refresh };
}
