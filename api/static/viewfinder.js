// @ts-check
/** The camera on the wallet page: its picture, the frame round a code, torch and choice of camera. */
import { cameras, scan, ScanError } from "./scan.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (element("video"));
const choice = /** @type {HTMLSelectElement} */ (element("camera"));
const torch = element("torch");
const frame = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (element("frame")));

/**
 * @param {(text: string) => Promise<void>} onText called with the text of a code; the picture stands still until it ends
 * @param {(error: ScanError | null) => void} onChange called when the camera opens (null), and when it cannot open or closes by itself
 * @returns {{open: () => Promise<void>, close: () => void}}
 */
export function viewfinder(onText, onChange) {
  /** @type {import("./scan.js").Camera | null} */
  let camera = null;
  let opening = new AbortController();
  let busy = false;
  let hidden = false; // closed because the page was hidden

  /** @param {boolean} shown */
  function show(shown) {
    element("viewfinder").hidden = !shown;
    element("controls").hidden = !shown;
    element("open").hidden = shown;
    if (!shown) element("corners").setAttribute("points", "");
  }

  function close() {
    opening.abort();
    camera?.stop();
    camera = null;
    hidden = false;
    show(false);
  }

  /** @param {ScanError} error */
  function closed(error) {
    close();
    hidden = error.reason === "hidden";
    if (!hidden) onChange(error);
  }

  /** @param {import("./scan.js").Code} code */
  async function found(code) {
    if (busy) return;
    busy = true;
    video.pause();
    draw(code.corners);
    await onText(code.text);
    busy = false;
    close();
  }

  /** @param {import("./scan.js").Point[]} corners */
  function draw(corners) {
    const [width, height] = [video.videoWidth, video.videoHeight];
    frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
    element("corners").setAttribute("points", corners.map(({ x, y }) => `${x * width},${y * height}`).join(" "));
  }

  /** @param {string} [deviceId] */
  async function open(deviceId) {
    close();
    opening = new AbortController();
    const { signal } = opening;
    onChange(null);
    show(true);
    try {
      const opened = await scan({ video, onCode: (code) => void found(code), onError: closed, signal, ...(deviceId && { deviceId }) });
      camera = opened;
      torch.hidden = !opened.hasTorch;
      torch.setAttribute("aria-pressed", "false");
      await list(opened.deviceId);
    } catch (error) {
      if (!signal.aborted) closed(error instanceof ScanError ? error : new ScanError("in-use", error));
    }
  }

  /** @param {string} current */
  async function list(current) {
    const devices = await cameras();
    choice.replaceChildren(...devices.map(({ deviceId, label }, index) => new Option(label || String(index + 1), deviceId, false, deviceId === current)));
    element("camera-choice").hidden = devices.length < 2;
  }

  element("open").addEventListener("click", () => void open());
  element("close").addEventListener("click", () => {
    close();
    element("open").focus();
  });
  choice.addEventListener("change", () => void open(choice.value));
  torch.addEventListener("click", () => {
    const on = torch.getAttribute("aria-pressed") !== "true";
    camera?.torch(on).then(() => torch.setAttribute("aria-pressed", String(on)), () => (torch.hidden = true));
  });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hidden && void open());
  return { open: () => open(), close };
}
