// @ts-check
/** Exchanges the token in the address's fragment for a cookie, then goes on. No other page needs a script. */

/** @param {string} id @returns {HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const data = JSON.parse(element("data").textContent ?? "{}");
const token = location.hash.slice(1);

async function exchange() {
  element("error").textContent = "";
  element("again").hidden = true;
  element("hint").hidden = true;
  element("opening").textContent = element("opening").dataset.text ?? "";
  let status = 0;
  try {
    const response = await fetch(data.exchange, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(10_000),
    });
    status = response.status;
  } catch {
    // no connection, or no answer in time: what follows offers to try again
  }
  if (status === 204) return location.replace(data.next);
  const over = status === 401 || status === 400;
  element("opening").textContent = "";
  element("error").textContent = over ? data.texts.used : data.texts.failed;
  element("again").hidden = over;
}

element("no-script").hidden = true;
if (token) {
  history.replaceState(null, "", location.pathname + location.search); // neither history nor bookmarks keep it
  element("again").addEventListener("click", exchange);
  void exchange();
}
