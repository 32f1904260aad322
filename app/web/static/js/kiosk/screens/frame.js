/** What frames every step of the survey: how far one is, the language, and the way back to the step before. */

import { make } from "../dom.js";
import { text } from "../texts.js";

/**
 * @param {object} view
 * @param {import("../survey.js").Step} view.step
 * @param {object} view.state of the survey
 * @param {(id: string, values?: object) => string} view.t
 * @param {(event: object) => void} view.act
 * @param {{kicker?: string | null, title: string, actions?: Node[]}} content
 * @param {...Node} body
 */
export function frame({ state, t, act }, { kicker, title, actions = [] }, ...body) {
  const { config, language, place, steps } = state;
  const back = make("button", { type: "button", class: "quiet back", onclick: () => act({ type: "back" }) }, t("kiosk.back"));
  return make(
    "section",
    { class: `screen step step-${steps[place].kind}`, lang: language },
    make("header", {},
      make("span", { class: "office" }, config.unit.name),
      config.languages.length > 1 && steps[place].kind !== "language" && languages(config, language, act, t),
    ),
    make("div", { class: "bar", "aria-hidden": "true" }, filled(place / steps.length)),
    make("div", { class: "content" },
      make("p", { class: "kicker" }, kicker || " "),
      make("h1", { tabindex: "-1" }, title),
      ...body,
    ),
    make("footer", {}, place > 0 ? back : make("span"), make("span", { class: "actions" }, actions)),
  );
}

function filled(share) {
  const bar = make("span", {});
  bar.style.width = `${Math.round(share * 100)}%`;
  return bar;
}

function languages(config, current, act, t) {
  const button = (language) =>
    make(
      "button",
      {
        type: "button",
        class: "tongue",
        lang: language,
        "aria-pressed": language === current ? "true" : "false",
        onclick: () => act({ type: "switch", language }),
      },
      text(language, "common.language"),
    );
  return make("div", { class: "switch", role: "group", "aria-label": t("kiosk.language.title") }, config.languages.map(button));
}
