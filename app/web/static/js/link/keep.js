/**
 * What the link page keeps in the browser, and for how long.
 *
 * A draft (the response's id, when it was begun, what is filled in) lives in sessionStorage: it outlives a
 * reload and ends with the tab. A response that could not be sent lives in localStorage until the server has
 * it. Both go the moment it does: the next person with this phone finds nothing.
 *
 * A browser may refuse storage (private windows, a full disk). Then nothing is kept and the caller is told
 * by `false` or `null`, so that the page can say so.
 */

const DRAFT = "sipas.draft.";
const KEPT = "sipas.kept.";

/**
 * Runs one access to storage; `fallback` when the browser refuses it.
 * @template T
 * @param {() => T} access
 * @param {T} fallback
 * @returns {T}
 */
function attempt(access, fallback) {
  try {
    return access();
  } catch (error) {
    console.warn("storage refused", error);
    return fallback;
  }
}

/** @param {string | null} text */
const parsed = (text) => (text === null ? null : JSON.parse(text));

/** @param {string} code @returns {{id: string, startedAt: string, values: [string, string][]} | null} */
export const draft = (code) => attempt(() => parsed(sessionStorage.getItem(DRAFT + code)), null);

/** @param {string} code @param {object} state @returns {boolean} whether it is kept */
export const saveDraft = (code, state) =>
  attempt(() => {
    sessionStorage.setItem(DRAFT + code, JSON.stringify(state));
    return true;
  }, false);

/** @param {string} code @returns {object | null} the body of POST /api/v1/responses that still waits */
export const kept = (code) => attempt(() => parsed(localStorage.getItem(KEPT + code)), null);

/** @param {string} code @param {object} body @returns {boolean} whether it is kept */
export const keep = (code, body) =>
  attempt(() => {
    localStorage.setItem(KEPT + code, JSON.stringify(body));
    return true;
  }, false);

/** @returns {string[]} the codes whose responses still wait */
export const waiting = () =>
  attempt(
    () => Object.keys(localStorage).filter((key) => key.startsWith(KEPT)).map((key) => key.slice(KEPT.length)),
    /** @type {string[]} */ ([]),
  );

/** Removes every trace of a link. @param {string} code */
export const forget = (code) =>
  attempt(() => {
    localStorage.removeItem(KEPT + code);
    sessionStorage.removeItem(DRAFT + code);
    return true;
  }, false);
