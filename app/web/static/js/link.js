/**
 * The link page. Without this file the form works as any form does; with it answers outlive a reload, a
 * lost network does not lose them, and the person is told which of the two happened: sent, or kept here.
 */

import * as store from "./link/keep.js";
import { Delivery, send } from "./link/send.js";

const OVER = ["used", "expired", "unknown"];
const FINAL = ["link_used", "link_expired", "link_unknown", "response_conflict"];

const sheet = /** @type {HTMLElement} */ (document.querySelector(".sheet"));
const code = sheet.dataset.link ?? location.pathname.split("/")[2].toUpperCase();
const thanked = sheet.dataset.message === "thanks";
const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form#survey"));

const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
const language = () => /** @type {HTMLInputElement} */ (find(".tongue:checked"));

/** The page says in its own head which language it is in; the texts themselves are the stylesheet's matter. */
function speak() {
  document.documentElement.lang = language().value;
  document.title = language().dataset.title ?? document.title;
}

/** On to another page, in whose history this one does not stay: going back never leads into the form. */
const leave = (path) => location.replace(`${path}?lang=${language().value}`);

// ---- the form ----------------------------------------------------------------------------------------

let draft = { id: "", startedAt: "", values: /** @type {[string, string][]} */ ([]) };

/** @param {HTMLFormElement} form @returns {[string, string][]} what is filled in */
const valuesOf = (form) =>
  [...new FormData(form)]
    .filter(([name]) => !["id", "opened_at"].includes(name))
    .map(([name, value]) => [name, String(value)]);

function saveDraft() {
  draft.values = valuesOf(form);
  store.saveDraft(code, draft);
}

/** The id and the answers of before a reload; what the server handed back with faults is newer still. */
function restore() {
  const old = "returned" in form.dataset ? null : store.draft(code);
  draft = { id: form.elements["id"].value, startedAt: new Date().toISOString(), values: [] };
  if (old !== null) {
    draft = old;
    form.elements["id"].value = old.id;
    for (const [name, value] of old.values) {
      const field = form.elements[name];
      if (field) field.value = value;
      if (name.startsWith("r.") && value) find("details.about").open = true;
    }
  }
  saveDraft();
}

function showProgress() {
  const questions = all(".question");
  const done = questions.filter((one) => one.querySelector("input:checked")).length;
  find("#progress").hidden = false;
  find("#bar").style.width = `${(100 * done) / questions.length}%`;
  for (const number of all("#progress .done")) number.textContent = String(done);
}

/** @param {Set<string>} faults criterion codes, `empty`, `comment`, `other` */
function showFaults(faults) {
  for (const line of all("[data-fault]")) line.hidden = !faults.has(line.dataset.fault);
  for (const question of all(".question")) {
    const wrong = faults.has(question.dataset.criterion);
    question.classList.toggle("wrong", wrong);
    question.querySelector(".fault").hidden = !wrong;
  }
  find("#faults").hidden = faults.size === 0;
  if (faults.size) find("#faults").focus();
}

/** @returns {Set<string>} what is missing; the server has the last word all the same */
function missing() {
  const open = (question) => "required" in question.dataset && !question.querySelector("input:checked");
  const found = new Set(all(".question").filter(open).map((one) => one.dataset.criterion));
  const rated = draft.values.some(([name, value]) => name.startsWith("a.") && value !== "none");
  return found.size || rated ? found : new Set(["empty"]);
}

/** @param {{errors?: {pointer: string, code: string}[]}} problem @returns {Set<string>} */
function faultsOf(problem) {
  const codes = all(".question").map((one) => one.dataset.criterion);
  const place = ({ pointer, code: fault }) => {
    const [, room, name] = pointer.split("/");
    if (fault === "no_answer") return "empty";
    if (room === "answers" && codes.includes(name)) return name;
    return room === "comment" ? "comment" : "other";
  };
  const found = new Set((problem.errors ?? []).map(place));
  return found.size ? found : new Set(["other"]);
}

/** The response as the API takes it; `sent_at` is added with each attempt. */
function compose() {
  const answers = {};
  const respondent = {};
  for (const [name, value] of draft.values) {
    if (name.startsWith("a.")) answers[name.slice(2)] = value === "none" ? null : Number(value);
    if (name.startsWith("r.") && value) respondent[name.slice(2)] = value;
  }
  return {
    id: draft.id,
    link: code,
    questionnaire: { code: form.dataset.questionnaire, version: Number(form.dataset.version) },
    answers,
    comment: form.elements["comment"].value.trim() || null,
    respondent: Object.keys(respondent).length ? respondent : null,
    language: language().value,
    started_at: draft.startedAt,
    submitted_at: new Date().toISOString(),
  };
}

// ---- sending -----------------------------------------------------------------------------------------

/** @type {Delivery | null} */
let delivery = null;

/** @param {boolean} busy */
function showBusy(busy) {
  for (const button of all("button.send")) {
    button.setAttribute("aria-disabled", String(busy));
    button.querySelector(".calm").hidden = busy;
    button.querySelector(".busy").hidden = !busy;
  }
}

/** @param {boolean} shown whether the form makes room for "not sent yet" @param {boolean} firm whether it is kept */
function showWaiting(shown, firm = true) {
  const before = find("#kept").hidden;
  find("#kept").hidden = !shown;
  for (const line of all("#kept .firm")) line.hidden = !firm;
  for (const line of all("#kept .fragile")) line.hidden = firm;
  find("main").hidden = shown;
  if (shown && before) {
    scrollTo(0, 0);
    find("#kept h1:not([hidden])").focus();
  }
}

/** @param {object} body @param {Promise<boolean>} keeping whether the browser has it on its disk, once that is known */
async function deliver(body, keeping) {
  let firm = false;
  delivery = new Delivery(body, {
    tries: () => showBusy(true),
    waits: () => {
      showBusy(false);
      showWaiting(true, firm);
    },
  });
  showBusy(true);
  firm = await keeping; // kept before it is sent: the phone may die in between
  const outcome = await delivery.run(); // whoever presses while the next page comes has pressed twice, too
  if (outcome.end === "sent") {
    await store.forget(code);
    store.forgetDrafts();
    leave(`/s/${code}/thanks`);
  } else if (FINAL.includes(outcome.problem.code)) {
    await store.forget(code);
    leave(`/s/${code}`);
  } else {
    delivery = null;
    await store.forget(code);
    store.saveDraft(code, draft);
    showBusy(false);
    showWaiting(false);
    showFaults(faultsOf(outcome.problem));
  }
}

function submit(event) {
  event.preventDefault();
  if (delivery !== null) return; // pressed twice
  saveDraft();
  const faults = missing();
  showFaults(faults);
  if (faults.size) return;
  const body = compose();
  deliver(body, store.keep(code, body));
}

/**
 * What still waits on this phone, for this link and for others: this page has a network, so it goes. If this
 * link's page says that it is used, its answer had only been lost on the way. What the server refuses for
 * another reason stays until its own page can show why.
 */
async function deliverWaiting() {
  await store.takeOver();
  if (thanked) await store.forget(code);
  const own = form === null ? null : await store.kept(code);
  if (own !== null && delivery === null) {
    showWaiting(true);
    deliver(own, Promise.resolve(true));
  }
  for (const one of await store.waiting()) {
    if (form !== null && one === code) continue;
    const body = await store.kept(one);
    if (body === null) continue; // another tab has just sent it
    const outcome = await send(body);
    if (outcome.end === "later" || (outcome.end === "refused" && !FINAL.includes(outcome.problem.code))) continue;
    await store.forget(one);
    if (outcome.end === "sent" && one === code && !thanked) leave(`/s/${code}/thanks`);
  }
  if (form === null && OVER.includes(sheet.dataset.message) && !(await store.waiting()).includes(code)) {
    await store.forget(code);
  }
}

const nudge = () => delivery?.nudge();
const wake = () => document.visibilityState === "visible" && nudge();

document.addEventListener("change", (event) => {
  if (/** @type {HTMLElement} */ (event.target).matches(".tongue")) speak();
});
if (thanked) store.forgetDrafts(); // those of other links in this tab, too: the next person may hold this phone
if (form !== null) {
  restore();
  showProgress();
  form.addEventListener("input", () => {
    saveDraft();
    showProgress();
  });
  form.addEventListener("submit", submit);
  find("#again").addEventListener("click", nudge);
  addEventListener("online", nudge);
  document.addEventListener("visibilitychange", wake);
}
speak(); // after the draft, which may be in another language than the page came in
deliverWaiting();
