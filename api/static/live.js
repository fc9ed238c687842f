// @ts-check
/**
 * Follows one payment session over a WebSocket that resumes after a disconnect; polls while there is
 * none. The session shown only moves forward: a state older than the current one is dropped.
 *
 * @typedef {{version: number, status: string, server_time: string, expires_at: string, paid_at: string | null,
 *   amount: import("./amounts.js").Amount, refunded_minor?: number, flags?: string[], notice?: string,
 *   lease_until?: string, paid_through?: string,
 *   attempt?: {processor: string, status: string, created_at: string, may_stop: boolean}, next_action?: {url: string}}} Session
 * @typedef {{live_url: string, poll_url: string, version: number, status: string}} Start
 * @typedef {"live" | "reconnecting" | "polling" | "offline"} Connection
 */

const BACKOFF_MS = { min: 500, max: 30_000 };
const STABLE_MS = 10_000; // a connection that lasted this long resets the backoff
const WATCHDOG_MS = 35_000; // the server sends a heartbeat every 25 s: a silent socket is dead
const FAILURES_BEFORE_POLLING = 3;
const POLL_MS = { first: 2_000, later: 10_000, after: 60_000 };
const CLOSE_BAD_TOKEN = 4001;
const CLOSE_DONE = 1000;
const ENDED = new Set(["paid", "expired", "cancelled", "failed"]);

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
  let done = false; // the server expects nothing more

  const ended = () => ENDED.has(status);
  /** A paid session may be refunded: its socket stays, without polling and without a status line. */
  const over = () => done || (ended() && status !== "paid");

  /** A device without a network says so, whatever is tried meanwhile. @param {"reconnecting" | "polling"} connection */
  const say = (connection) => onConnection(navigator.onLine ? connection : "offline");

  /** @param {Session} session */
  function update(session) {
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
    const current = new WebSocket(`${start.live_url}&after=${version}`);
    socket = current;
    const resetWatchdog = () => {
      clearTimeout(watchdog);
      watchdog = window.setTimeout(abandon, WATCHDOG_MS);
    };
    resetWatchdog();
    current.onopen = () => {
      resetWatchdog();
      failures = 0;
      stopPolling();
      if (!ended()) onConnection("live");
    };
    current.onmessage = (event) => {
      resetWatchdog();
      /** @type {any} */
      let message;
      try {
        message = JSON.parse(event.data);
      } catch {
        return; // ignore malformed messages
      }
      if (message?.type === "event" && message.seq > version + 1) return current.close(); // a gap: reconnect and resume
      if ((message?.type === "event" || message?.type === "snapshot") && message.session) update(message.session);
    };
    current.onclose = (event) => {
      clearTimeout(watchdog);
      socket = null;
      done = ended() && (event.code === CLOSE_DONE || event.code === CLOSE_BAD_TOKEN);
      if (over()) return;
      if (event.code === CLOSE_BAD_TOKEN) return startPolling(); // expired token: the page's address still works
      failures = performance.now() - opened > STABLE_MS ? 1 : failures + 1;
      again();
    };
  }

  /** Connects again after a pause. */
  function again() {
    if (!ended() && failures >= FAILURES_BEFORE_POLLING) startPolling();
    else if (!ended()) say("reconnecting");
    const ceiling = Math.min(BACKOFF_MS.max, BACKOFF_MS.min * 2 ** failures);
    retry = window.setTimeout(connect, Math.random() * ceiling);
  }

  /** Drops a socket whose network is gone: its own end would come much later. */
  function abandon() {
    if (!socket) return;
    clearTimeout(watchdog);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
    failures += 1;
    if (!over()) again();
  }

  async function poll() {
    clearTimeout(polling);
    try {
      const headers = { Accept: "application/json", ...(etag && { "If-None-Match": etag }) };
      const response = await fetch(start.poll_url, { headers, cache: "no-store" });
      if (response.status === 401 || response.status === 404) {
        location.reload(); // the link has expired: the server's page says what to do
        return;
      }
      if (response.ok) {
        etag = response.headers.get("ETag") ?? "";
        update(await response.json());
      }
    } catch {
      // no network: try again at the next poll
    }
    if (pollingSince && !ended()) {
      const long = performance.now() - pollingSince > POLL_MS.after;
      polling = window.setTimeout(poll, long ? POLL_MS.later : POLL_MS.first);
    }
  }

  function startPolling() {
    say("polling");
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
    if (!ended()) void poll();
    connect();
  }

  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
  window.addEventListener("pageshow", (event) => event.persisted && refresh());
  window.addEventListener("online", refresh);
  window.addEventListener("offline", () => {
    abandon();
    if (!ended()) onConnection("offline");
  });
  connect();
  if (!navigator.onLine && !ended()) onConnection("offline");
  return { refresh };
}
