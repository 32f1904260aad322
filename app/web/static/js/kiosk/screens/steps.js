/** The steps of the survey: the language, one question a screen, about the person, a comment, thanks. */

import { face, make } from "../dom.js";
import { said, text } from "../texts.js";
import { frame } from "./frame.js";

const MOST_COMMENT = 2000;

/** @returns {HTMLElement} the screen of the step the survey stands at */
export function stepScreen(view) {
  return { language, question, about, comment }[view.step.kind](view);
}

function language(view) {
  const { languages } = view.state.config;
  const choices = languages.map((one) =>
    make("button", { type: "button", class: "option", lang: one, onclick: () => view.act({ type: "language", language: one }) },
      text(one, "common.language")),
  );
  const titles = languages.map((one) => text(one, "kiosk.language.title")).join(" · ");
  return frame(view, { title: titles }, make("div", { class: "options large" }, choices));
}

function question(view) {
  const { step, state, t, act } = view;
  const { criterion } = step;
  const { components } = state.config.questionnaire;
  const component = components.find(({ code }) => code === criterion.component);
  const given = state.answers[criterion.code];
  const answered = criterion.code in state.answers;
  const give = (value) => (event) => {
    event.currentTarget.classList.add("chosen");
    event.currentTarget.setAttribute("aria-pressed", "true");
    act({ type: "answer", value });
  };
  const pressed = (value) => (answered && given === value ? "true" : "false");
  const faces = [1, 2, 3, 4, 5].map((value) =>
    make("button", { type: "button", class: `opinion opinion-${value}`, "aria-pressed": pressed(value), onclick: give(value) },
      face(value), make("span", {}, t(`common.answer.${value}`))),
  );
  const none = make("button", { type: "button", class: "none", "aria-pressed": pressed(null), onclick: give(null) }, t("common.answer.none"));
  const go = make("button", { type: "button", class: "go", onclick: () => act({ type: "next" }) }, t("kiosk.next"));
  const progress = t("kiosk.question.number", { number: step.number, of: step.of });
  return frame(
    view,
    {
      kicker: component ? `${progress} · ${said(component.title, state.language)}` : progress,
      title: said(criterion.text, state.language),
      actions: answered ? [go] : [],
    },
    make("div", { class: "opinions", role: "group", "aria-label": t("kiosk.question.group") }, faces),
    !criterion.required && make("div", { class: "beside" }, none),
  );
}

function about(view) {
  const { step, state, t, act } = view;
  const given = state.respondent[step.field.code];
  const choices = step.field.options.map(({ code, title }) =>
    make("button",
      { type: "button", class: "option", "aria-pressed": given === code ? "true" : "false", onclick: () => act({ type: "about", value: code }) },
      said(title, state.language)),
  );
  const skip = (type, id, className) => make("button", { type: "button", class: className, onclick: () => act({ type }) }, t(id));
  return frame(
    view,
    {
      kicker: t("kiosk.about.voluntary"),
      title: said(step.field.title, state.language),
      actions: [step.of > 1 && skip("skip_about", "kiosk.about.skip_all", "quiet"), skip("skip", "kiosk.about.skip", "go")],
    },
    make("div", { class: "options" }, choices),
  );
}

function comment(view) {
  const { state, t, act } = view;
  const field = make("textarea", {
    rows: "5",
    maxlength: MOST_COMMENT,
    "aria-labelledby": "comment-title",
    "aria-describedby": "comment-hint",
    autocomplete: "off",
    spellcheck: "false",
    oninput: (event) => act({ type: "write", comment: event.target.value }),
  });
  field.value = state.comment;
  const go = make("button", { type: "button", class: "go", onclick: () => act({ type: "next" }) }, t("kiosk.comment.send"));
  const screen = frame(
    view,
    { kicker: t("kiosk.comment.voluntary"), title: t("kiosk.comment.title"), actions: [go] },
    field,
    make("p", { class: "soft", id: "comment-hint" }, t("kiosk.comment.hint")),
  );
  screen.querySelector("h1").id = "comment-title";
  return screen;
}

/** Thanks, for three seconds. */
export function thanksScreen({ t, language: shown }) {
  return make(
    "section",
    { class: "screen thanks", lang: shown },
    make("div", { class: "invitation" }, face(5), make("h1", { tabindex: "-1" }, t("kiosk.thanks.title")), make("p", {}, t("kiosk.thanks.text"))),
  );
}
