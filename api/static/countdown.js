// @ts-check
/**
 * Counts down to the deadline by the server's clock. The device's clock is never asked: what is left
 * is taken from the server's answer, and `performance.now()` says how much of it has passed.
 *
 * @param {{server_time: string, expires_at: string}} answer
 * @param {HTMLElement} shown
 * @param {(secondsLeft: number) => void} onMark told at 5 min, 1 min, 30 s and 0
 * @returns {{correct: (answer: {server_time: string, expires_at: string}) => void, stop: () => void}}
 */
export function countdown(answer, shown, onMark) {
  const marks = [300, 60, 30, 0];
  let deadline = 0;
  let last = Infinity;

  /** @param {{server_time: string, expires_at: string}} told */
  function correct(told) {
    deadline = performance.now() + Date.parse(told.expires_at) - Date.parse(told.server_time);
    tick();
  }

  function tick() {
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
    const hours = Math.floor(left / 3600);
    const minutes = String(Math.floor(left / 60) % 60).padStart(hours ? 2 : 1, "0");
    const text = `${hours ? `${hours}:` : ""}${minutes}:${String(left % 60).padStart(2, "0")}`;
    if (shown.textContent !== text) shown.textContent = text;
    const passed = marks.find((mark) => last > mark && left <= mark);
    if (passed !== undefined && last !== Infinity) onMark(left);
    last = left;
  }

  correct(answer);
  const timer = window.setInterval(tick, 250);
  return { correct, stop: () => clearInterval(timer) };
}
