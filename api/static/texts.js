// @ts-check
/**
 * A translated text with values in it, each isolated from the direction of the text.
 *
 * @param {HTMLElement} place @param {string} text such as `Pay {amount}`
 * @param {Record<string, string>} values
 */
export function fill(place, text, values) {
  const parts = text.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return part;
    const isolated = document.createElement("bdi");
    isolated.dir = "ltr";
    isolated.textContent = values[part] ?? "";
    return isolated;
  });
  place.replaceChildren(...parts);
}
