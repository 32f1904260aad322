/**
 * The page of a one-time link: its owner sets a password. The token is taken out of the address at once, so
 * that it stays neither in the bar nor in the history of a machine that others use.
 */

const LEAST = 10;
const OUTCOMES = { invitation_used: "used", invitation_expired: "expired", invitation_unknown: "unknown" };

const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
const field = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

const token = decodeToken(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

/** @param {string} text @returns {string} what stands behind the hash sign; nothing for what cannot be read */
function decodeToken(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return "";
    throw error;
  }
}

/** The page says in its own head which language it is in; the texts themselves are the stylesheet's matter. */
function speak() {
  const chosen = /** @type {HTMLInputElement} */ (find(".tongue:checked"));
  document.documentElement.lang = chosen.value;
  document.title = chosen.dataset.title ?? document.title;
}

/** @param {"done" | "used" | "expired" | "unknown"} outcome */
function show(outcome) {
  find("#ask").hidden = true;
  for (const one of all("[data-outcome]")) one.hidden = one.dataset.outcome !== outcome;
  find(`[data-outcome="${outcome}"] h1`).focus();
}

/** @param {"short" | "differs" | "refused" | "busy" | null} fault */
function complain(fault) {
  for (const one of all("[data-fault]")) one.hidden = one.dataset.fault !== fault;
  find("#faults").hidden = fault === null;
  if (fault !== null) find("#faults").focus();
}

/** @returns {"short" | "differs" | null} what the person can see to before anything is sent */
function fault() {
  if ([...field("new").value].length < LEAST) return "short";
  return field("new").value === field("again").value ? null : "differs";
}

async function accept() {
  const answer = await fetch("/api/v1/auth/invitations/accept", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
    body: JSON.stringify({ token, password: field("new").value }),
  });
  const body = await answer.json();
  if (answer.ok) {
    find("#username").textContent = body.username;
    show("done");
  } else if (body.code in OUTCOMES) {
    show(OUTCOMES[body.code]);
  } else {
    const faults = answer.status === 422 ? body.errors : [];
    find("#refused").textContent = faults.map((/** @type {{ detail: string }} */ one) => one.detail).join(" ");
    complain(faults.length > 0 ? "refused" : "busy");
  }
}

let sending = false;

find("#password").addEventListener("submit", (event) => {
  event.preventDefault();
  const wrong = fault();
  complain(wrong);
  if (wrong !== null || sending) return;
  sending = true;
  accept()
    .catch(() => complain("busy")) // no network, or an answer that is none: the person tries again
    .finally(() => {
      sending = false;
    });
});
for (const one of all(".tongue")) one.addEventListener("change", speak);
if (token === "") show("unknown");
