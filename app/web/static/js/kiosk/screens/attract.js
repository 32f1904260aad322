/** Between two citizens: whose desk this is, and an invitation. Touching anywhere begins. */

import { face, make } from "../dom.js";
import { text } from "../texts.js";
import { cornerButton } from "./corner.js";

/**
 * @param {object} view
 * @param {object} view.config
 * @param {() => void} view.start
 * @param {() => void} view.staff
 */
export function attractScreen({ config, start, staff }) {
  const [first, ...others] = config.languages;
  const lines = (id, tag, className) => [
    make(tag, { class: className, lang: first, tabindex: tag === "h1" ? "-1" : null }, text(first, id)),
    ...others.map((language) => make("p", { class: `${className} other`, lang: language }, text(language, id))),
  ];
  const go = make(
    "button",
    { type: "button", class: "go start" },
    make("span", { lang: first }, text(first, "kiosk.attract.start")),
    others.map((language) => make("span", { class: "other", lang: language }, text(language, "kiosk.attract.start"))),
  );
  return make(
    "section",
    { class: "screen attract", lang: first, onclick: start },
    make("header", {}, cornerButton({ name: config.unit.name, hint: text(first, "kiosk.corner"), staff })),
    make("div", { class: "invitation" },
      lines("kiosk.attract.title", "h1", "title"),
      make("div", { class: "row", "aria-hidden": "true" }, [1, 2, 3, 4, 5].map(face)),
      go,
    ),
    make("footer", {}, lines("kiosk.attract.promise", "p", "promise")),
  );
}
