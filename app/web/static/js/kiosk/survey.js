/**
 * One citizen's way through the survey, as a pure machine: state and event in, state out. No clock, no disk, no
 * screen. What a citizen said lives in this state and nowhere else, so that dropping it wipes everything.
 *
 * attract -> (the steps the configuration names, in its order) -> thanks -> attract. A survey keeps the
 * configuration it began with: a new one counts from the next citizen on.
 */

const OPINIONS = new Set([1, 2, 3, 4, 5]);

/**
 * @typedef {object} Step
 * @property {"language" | "question" | "about" | "comment"} kind
 * @property {object} [criterion] of a question
 * @property {object} [field] of a question about the person
 * @property {number} [number] counted from 1
 * @property {number} [of] how many of this kind there are
 */

/**
 * The steps of a configuration. A screen with nothing to choose from is left out.
 * @returns {Step[]}
 */
export function stepsOf(config) {
  const { criteria, respondent_fields: fields } = config.questionnaire;
  const made = {
    language: () => (config.languages.length > 1 ? [{ kind: "language" }] : []),
    questions: () => criteria.map((criterion, place) => numbered("question", { criterion }, place, criteria)),
    about: () => fields.map((field, place) => numbered("about", { field }, place, fields)),
    comment: () => [{ kind: "comment" }],
  };
  return config.screens.flatMap((screen) => (made[screen] ? made[screen]() : []));
}

function numbered(kind, what, place, all) {
  return { kind, ...what, number: place + 1, of: all.length };
}

/** The state between two citizens. */
export const ATTRACT = Object.freeze({ screen: "attract" });

/** @returns the state in which a survey begins */
export function begin(config, id, startedAt) {
  return {
    screen: "survey",
    config,
    steps: stepsOf(config),
    place: 0,
    id,
    startedAt,
    language: config.languages[0],
    answers: {},
    respondent: {},
    comment: "",
  };
}

/** The step a survey stands at. */
export function stepOf(state) {
  return state.steps[state.place];
}

/**
 * The next state. Events: {type: "language", language}, {type: "switch", language} (stays), {type: "answer",
 * value: 1..5 | null}, {type: "about", value}, {type: "skip"}, {type: "skip_about"}, {type: "write", comment}
 * (stays), {type: "next"}, {type: "back"}. What does not fit the step changes nothing.
 */
export function next(state, event) {
  if (state.screen !== "survey") return state;
  const step = stepOf(state);
  switch (event.type) {
    case "language":
    case "switch":
      if (!state.config.languages.includes(event.language)) return state;
      return event.type === "switch"
        ? { ...state, language: event.language }
        : forward({ ...state, language: event.language }, "language");
    case "answer":
      if (step.kind !== "question" || !fits(step.criterion, event.value)) return state;
      return forward({ ...state, answers: { ...state.answers, [step.criterion.code]: event.value } });
    case "about":
      if (step.kind !== "about" || !step.field.options.some(({ code }) => code === event.value)) return state;
      return forward({ ...state, respondent: { ...state.respondent, [step.field.code]: event.value } });
    case "skip":
      return step.kind === "about" ? forward({ ...state, respondent: without(state.respondent, step.field.code) }) : state;
    case "skip_about":
      return step.kind === "about" ? pastAbout({ ...state, respondent: {} }) : state;
    case "write":
      return step.kind === "comment" ? { ...state, comment: event.comment } : state;
    case "next":
      return mayPass(state, step) ? forward(state) : state;
    case "back":
      return state.place > 0 ? { ...state, place: state.place - 1 } : state;
    default:
      return state;
  }
}

function fits(criterion, value) {
  return OPINIONS.has(value) || (value === null && !criterion.required);
}

function forward(state, only = null) {
  if (only !== null && stepOf(state).kind !== only) return state;
  const place = state.place + 1;
  return place < state.steps.length ? { ...state, place } : { ...state, screen: "thanks" };
}

function pastAbout(state) {
  let moved = state;
  while (moved.screen === "survey" && stepOf(moved).kind === "about") moved = forward(moved);
  return moved;
}

/** A question once answered may be passed with "next"; the others wait for an answer or a skip. */
function mayPass(state, step) {
  return step.kind === "comment" || (step.kind === "question" && step.criterion.code in state.answers);
}

function without(record, name) {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

/** Whether there is an opinion in it at all: only then is it a response. */
export function hasOpinion(state) {
  return state.screen !== "attract" && Object.values(state.answers).some((value) => OPINIONS.has(value));
}

/**
 * What is sent, but for `sent_at`; null where there is nothing to send.
 * @returns {import("./outbox.js").Item | null}
 */
export function responseOf(state, submittedAt) {
  if (!hasOpinion(state)) return null;
  const { code, version, criteria } = state.config.questionnaire;
  const comment = state.comment.trim();
  const body = {
    id: state.id,
    questionnaire: { code, version },
    answers: state.answers,
    complete: criteria.every((criterion) => criterion.code in state.answers),
    language: state.language,
    started_at: state.startedAt,
    submitted_at: submittedAt,
  };
  if (comment) body.comment = comment;
  if (Object.keys(state.respondent).length > 0) body.respondent = state.respondent;
  return { id: state.id, unit: state.config.unit.code, device: state.config.device_id, body };
}
