// @ts-check
/**
 * Reads QR codes from a camera or a picture. It needs nothing but this file: the browser's own
 * `BarcodeDetector` where there is one, else the vendored one beside it, which is loaded when it is
 * first needed. Guide: docs/howto/scan-codes.md.
 *
 *     import { scan } from "./scan.js"; // or from its stable address, /static/scan.js
 *     const camera = await scan({ video, onCode: (code) => { camera.stop(); show(code.text); } });
 *
 * @typedef {{x: number, y: number}} Point from 0 to 1, from the top left corner of the picture
 * @typedef {{text: string, corners: Point[]}} Code the exact text, and the corners of its symbol
 * @typedef {{stop: () => void, torch: (on: boolean) => Promise<void>, hasTorch: boolean, deviceId: string}} Camera
 * @typedef {"insecure" | "denied" | "absent" | "in-use" | "stopped" | "hidden" | "aborted" | "nothing-found"
 *   | "not-an-image" | "too-large" | "no-code" | "detector"} Reason
 * @typedef {{detect: (image: CanvasImageSource) => Promise<{rawValue: string, cornerPoints: Point[]}[]>}} Detector
 */

export const FRAMES_PER_SECOND_MAX = 10;
export const FRAME_SIDE_MAX = 1280; // pixels; larger frames are scaled down
export const SEARCH_MS_MAX = 180_000; // then the camera is closed
export const IMAGE_BYTES_MAX = 20 * 1024 * 1024;
const IMAGE_SIDES = [1280, 2560, 640]; // an image is tried in these sizes, in this order
const DETECT_MS_MAX = 10_000;
const LOAD_MS_MAX = 60_000;
const FAILURES_MAX = 5; // of the detector, in a row
const CODES_MAX = 20; // of one picture that are looked at
const VENDOR = "/static/vendor/barcode-detector-3.2.2/";

/** Why nothing was read; `reason` is for programs. */
export class ScanError extends Error {
  /** @param {Reason} reason @param {unknown} [cause] */
  constructor(reason, cause) {
    super(`scan: ${reason}`, { cause });
    this.name = "ScanError";
    this.reason = reason;
  }
}

/**
 * Opens a camera, shows it, and reports every code found until it is stopped. The camera closes when
 * the page is hidden, when `signal` aborts, or after SEARCH_MS_MAX.
 *
 * @param {object} options
 * @param {HTMLVideoElement} options.video shows the picture
 * @param {(code: Code) => void} options.onCode called for the code nearest to the middle of a frame
 * @param {(error: ScanError) => void} [options.onError] called once, when the camera closes by itself
 * @param {AbortSignal} [options.signal]
 * @param {"environment" | "user"} [options.facingMode] which camera to prefer; the back one by default
 * @param {string} [options.deviceId] this camera; see `cameras`
 * @returns {Promise<Camera>}
 * @throws {ScanError} insecure, denied, absent, in-use, aborted, detector
 */
export async function scan({ video, onCode, onError, signal, facingMode = "environment", deviceId }) {
  if (!navigator.mediaDevices?.getUserMedia) throw new ScanError("insecure");
  if (signal?.aborted) throw new ScanError("aborted");
  const choice = deviceId ? { deviceId: { exact: deviceId } } : { facingMode };
  const size = { width: { ideal: FRAME_SIDE_MAX }, height: { ideal: 720 } };
  const loading = detector();
  loading.catch(() => {}); // reported below, after the camera's own refusals
  const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...choice, ...size } }).catch(refuse);
  const [track] = stream.getVideoTracks();
  const canvas = document.createElement("canvas");
  const opened = performance.now();
  let open = true;
  let timer = 0;
  let failures = 0;

  /** @param {Reason} [reason] */
  function close(reason) {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onHide);
    window.removeEventListener("pagehide", onHide);
    signal?.removeEventListener("abort", onAbort);
    for (const one of stream.getTracks()) one.stop();
    if (video.srcObject === stream) video.srcObject = null;
    if (reason) onError?.(new ScanError(reason));
  }
  const onHide = () => document.visibilityState === "hidden" && close("hidden");
  const onAbort = () => close();

  async function look() {
    const started = performance.now();
    if (started - opened > SEARCH_MS_MAX) return close("nothing-found");
    try {
      const code = video.readyState >= video.HAVE_CURRENT_DATA ? await read(video, video.videoWidth, video.videoHeight, FRAME_SIDE_MAX, canvas) : null;
      failures = 0;
      if (code && open) onCode(code);
    } catch (error) {
      failures += 1;
      if (failures >= FAILURES_MAX) return close("detector");
    }
    if (open) timer = window.setTimeout(look, Math.max(0, 1000 / FRAMES_PER_SECOND_MAX - (performance.now() - started)));
  }

  document.addEventListener("visibilitychange", onHide);
  window.addEventListener("pagehide", onHide);
  signal?.addEventListener("abort", onAbort);
  track?.addEventListener("ended", () => close("stopped"));
  try {
    if (signal?.aborted) throw new ScanError("aborted");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await Promise.all([video.play(), loading]);
    if (!open) throw new ScanError(signal?.aborted ? "aborted" : "stopped");
  } catch (error) {
    close();
    throw error instanceof ScanError ? error : new ScanError(signal?.aborted ? "aborted" : "in-use", error);
  }
  void look();
  const abilities = /** @type {{torch?: boolean}} */ (track?.getCapabilities?.() ?? {});
  return {
    stop: () => close(),
    torch: async (on) => {
      const wish = /** @type {MediaTrackConstraintSet} */ ({ torch: on });
      await track?.applyConstraints({ advanced: [wish] });
    },
    hasTorch: abilities.torch === true,
    deviceId: track?.getSettings().deviceId ?? "",
  };
}

/**
 * Reads the code in an image, such as an uploaded photograph.
 *
 * @param {Blob} image
 * @returns {Promise<Code>}
 * @throws {ScanError} too-large, not-an-image, no-code, detector
 */
export async function readImage(image) {
  if (image.size > IMAGE_BYTES_MAX) throw new ScanError("too-large");
  const bitmap = await within(createImageBitmap(image), LOAD_MS_MAX).catch((error) => {
    throw new ScanError("not-an-image", error);
  });
  try {
    const canvas = document.createElement("canvas");
    const longest = Math.max(bitmap.width, bitmap.height);
    const sides = new Set(IMAGE_SIDES.map((side) => Math.min(side, longest)));
    for (const side of sides) {
      const code = await read(bitmap, bitmap.width, bitmap.height, side, canvas);
      if (code) return code;
    }
  } catch (error) {
    throw error instanceof ScanError ? error : new ScanError("detector", error);
  } finally {
    bitmap.close();
  }
  throw new ScanError("no-code");
}

/**
 * The cameras of this device. Browsers name them once a camera has been opened.
 *
 * @returns {Promise<{deviceId: string, label: string}[]>}
 */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId, label }) => ({ deviceId, label }));
}

/**
 * The code of a picture that is nearest to its middle; null if there is none.
 *
 * @param {CanvasImageSource} picture @param {number} width @param {number} height
 * @param {number} sideMax @param {HTMLCanvasElement} canvas
 * @returns {Promise<Code | null>}
 */
async function read(picture, width, height, sideMax, canvas) {
  const scale = Math.min(1, sideMax / Math.max(width, height, 1));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new ScanError("detector");
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const found = (await detect(canvas)).slice(0, CODES_MAX).filter(({ rawValue }) => rawValue !== "");
  const codes = found.map(({ rawValue, cornerPoints }) => ({
    text: rawValue,
    corners: cornerPoints.map(({ x, y }) => ({ x: x / canvas.width, y: y / canvas.height })),
  }));
  codes.sort((one, other) => distance(one) - distance(other));
  return codes[0] ?? null;
}

/** From the middle of the picture. @param {Code} code */
function distance({ corners }) {
  const middle = (/** @type {"x" | "y"} */ axis) => corners.reduce((sum, point) => sum + point[axis], 0) / (corners.length || 1);
  return Math.hypot(middle("x") - 0.5, middle("y") - 0.5);
}

/** @type {Promise<Detector> | null} */
let loaded = null;
let nativeWorks = true;

/** The detector; a failure to load it is forgotten, so that the next call tries again. */
function detector() {
  loaded ??= within(load(), LOAD_MS_MAX).catch((error) => {
    loaded = null;
    throw new ScanError("detector", error);
  });
  return loaded;
}

/** @returns {Promise<Detector>} */
async function load() {
  const native = /** @type {any} */ (globalThis).BarcodeDetector;
  if (nativeWorks && native && (await native.getSupportedFormats()).includes("qr_code")) {
    return new native({ formats: ["qr_code"] });
  }
  nativeWorks = false;
  const folder = new URL(VENDOR, import.meta.url).href;
  const { BarcodeDetector, prepareZXingModule } = await import(`${folder}ponyfill.js`);
  const overrides = { locateFile: (/** @type {string} */ path) => folder + path }; // else it asks another host
  await prepareZXingModule({ overrides, fireImmediately: true });
  return new BarcodeDetector({ formats: ["qr_code"] });
}

/** Some browsers have a detector whose service is missing: then the vendored one takes over. @param {HTMLCanvasElement} canvas */
async function detect(canvas) {
  const current = await detector();
  try {
    return await within(current.detect(canvas), DETECT_MS_MAX);
  } catch (error) {
    if (!nativeWorks) throw error;
    nativeWorks = false;
    loaded = null;
    return within((await detector()).detect(canvas), DETECT_MS_MAX);
  }
}

/** @template T @param {Promise<T>} promise @param {number} ms @returns {Promise<T>} */
async function within(promise, ms) {
  let timer = 0;
  const late = new Promise((_, reject) => {
    timer = window.setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

/** @param {unknown} error @returns {never} */
function refuse(error) {
  const name = error instanceof DOMException ? error.name : "";
  /** @type {Record<string, Reason>} */
  const reasons = {
    NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "absent", OverconstrainedError: "absent",
    NotReadableError: "in-use", AbortError: "in-use",
  };
  throw new ScanError(reasons[name] ?? "in-use", error);
}
