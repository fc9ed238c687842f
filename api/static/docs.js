// @ts-check
/**
 * Search in the list of operations, the language of all examples, buttons that copy, and where the
 * reader is. The page is complete without it.
 */

const LANGUAGE = "docs-language";
const COPIED_MS = 1500;
const field = document.querySelector("#wanted");
const items = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("nav li")]);
const groups = /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("nav details")]);
const examples = /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll(".sample")]);
const nothing = document.querySelector("#nothing");

/** Show the operations that have every word in their name, path, summary, group or fields. */
function search() {
  if (!(field instanceof HTMLInputElement) || !(nothing instanceof HTMLElement)) return;
  const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const item of items) {
    item.hidden = !wanted.every((word) => (item.dataset.words ?? "").includes(word));
    if (!item.hidden) found += 1;
  }
  for (const group of groups) {
    group.hidden = !group.querySelector("li:not([hidden])");
    if (wanted.length) group.open = !group.hidden;
  }
  nothing.hidden = found > 0;
}

/**
 * Mark the link of a section, and open its group.
 * @param {string} id
 */
function mark(id) {
  const link = document.querySelector(`nav li a[href="#${CSS.escape(id)}"]`);
  if (!link || link.hasAttribute("aria-current")) return;
  document.querySelector("nav [aria-current]")?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const group = link.closest("details");
  if (group && matchMedia("(width >= 60rem)").matches) {
    group.open = true;
    link.scrollIntoView({ block: "nearest" });
  }
}

/** Open the group of what the address names. */
function follow() {
  const id = location.hash.slice(1);
  const link = document.querySelector(`nav a[href="#${CSS.escape(id)}"]`);
  const group = link?.closest("details");
  if (group) group.open = true;
  mark(id);
}

/**
 * Show all examples in one language; what the reader looks at stays where it is.
 * @param {string} language
 * @param {Element} [anchor]
 */
function speak(language, anchor) {
  const before = anchor?.getBoundingClientRect().top ?? 0;
  for (const example of examples) {
    if (example.dataset.language === language) example.open = true;
  }
  if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
}

/** The language that the reader chose last; empty if none, or if nothing may be stored. */
function chosen() {
  try {
    return localStorage.getItem(LANGUAGE) ?? "";
  } catch {
    return "";
  }
}

/**
 * Remember a language.
 * @param {string} language
 */
function choose(language) {
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch {
    // it holds for this page
  }
}

/**
 * Put a button beside a text that copies it.
 * @param {Element} text
 */
function offerCopy(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText((text.textContent ?? "").trimEnd());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  });
  text.before(button);
}

document.querySelector("#search")?.removeAttribute("hidden");
field?.addEventListener("input", search);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(field instanceof HTMLInputElement) || event.target === field) return;
  event.preventDefault();
  field.focus();
});
addEventListener("hashchange", follow);
for (const example of examples) {
  example.querySelector("summary")?.addEventListener("click", () => {
    const language = example.dataset.language ?? "";
    choose(language);
    requestAnimationFrame(() => speak(language, example));
  });
}
if (chosen()) speak(chosen());
if (navigator.clipboard) document.querySelectorAll(".code pre").forEach(offerCopy);
const seen = new IntersectionObserver(
  (entries) => entries.forEach((entry) => entry.isIntersecting && mark(entry.target.id)),
  { rootMargin: "-10% 0px -80% 0px" },
);
document.querySelectorAll("main section").forEach((section) => seen.observe(section));
if (location.hash) follow();
