// @ts-check
/** The example of docs/howto/scan-codes.md: a page of anybody's that shows what a code says. */
import { readImage, scan, ScanError } from "./scan.js";

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (element("video"));
const image = /** @type {HTMLInputElement} */ (document.getElementById("image"));
/** @type {import("./scan.js").Camera | null} */
let camera = null;
let torch = false;

/** @param {string} text */
const show = (text) => (element("result").textContent = text);

/** @param {unknown} error */
const refused = (error) => show(error instanceof ScanError ? `Nothing was read: ${error.reason}` : "Nothing was read");

/** @param {boolean} open */
function opened(open) {
  for (const id of ["viewfinder", "close"]) element(id).hidden = !open;
  element("open").hidden = open;
  element("torch").hidden = !open || !camera?.hasTorch;
}

function close() {
  camera?.stop();
  camera = null;
  opened(false);
}

async function open() {
  show("");
  opened(true);
  try {
    camera = await scan({
      video,
      onCode: (code) => {
        show(code.text); // a wallet would now post it to /v1/scans
        close();
      },
      onError: (error) => {
        refused(error);
        close();
      },
    });
    opened(true);
  } catch (error) {
    refused(error);
    close();
  }
}

element("open").addEventListener("click", () => void open());
element("close").addEventListener("click", close);
element("torch").addEventListener("click", () => void camera?.torch((torch = !torch)));
image.addEventListener("change", async () => {
  const [file] = image.files ?? [];
  try {
    if (file) show((await readImage(file)).text);
  } catch (error) {
    refused(error);
  }
});
