// @ts-check
/**
 * Counts down to the deadline by the server's clock. The device's clock is never read: the time left
 * comes from the server's response, and `performance.now()` measures how much of it has passed.
 *
 * @param {{server_time: string, expires_at: string}} session
 * @param {HTMLElement} timer shows the time left
 * @param {(secondsLeft: number) => void} onMark called at 5 min, 1 min, 30 s and 0
 * @param {(secondsLeft: number) => void} [onTick] called whenever the time shown changes
 * @returns {{correct: (session: {server_time: string, expires_at: string}) => void, stop: () => void}}
 */
export function countdown(session, timer, onMark, onTick = () => {}) {
  const marks = [300, 60, 30, 0];
  let deadline = 0;
  let last = Infinity;

  /** @param {{server_time: string, expires_at: string}} session */
  function correct(session) {
    deadline = performance.now() + Date.parse(session.expires_at) - Date.parse(session.server_time);
    tick();
  }

  function tick() {
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
    const hours = Math.floor(left / 3600);
    const minutes = String(Math.floor(left / 60) % 60).padStart(hours ? 2 : 1, "0");
    const text = `${hours ? `${hours}:` : ""}${minutes}:${String(left % 60).padStart(2, "0")}`;
    if (timer.textContent !== text) timer.textContent = text;
    if (last !== left) onTick(left);
    const mark = marks.find((mark) => last > mark && left <= mark);
    if (mark !== undefined && last !== Infinity) onMark(left);
    last = left;
  }

  correct(session);
  const interval = window.setInterval(tick, 250);
  return { correct, stop: () => clearInterval(interval) };
}
