/**
 * Elements from data: `make("button", {class: "go", onclick}, "Text")`. Everything that comes from outside enters
 * as text, never as markup, so a unit's name cannot become a script.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Object<string, any>} [attributes] `on...` are listeners; null, undefined and false are left out
 * @param {...(Node | string | null | false)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** The face of an answer, 1 to 5. Decoration: its word stands beside it. */
export function face(value) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `face face-${value}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#face-${value}`);
  svg.append(use);
  return svg;
}
