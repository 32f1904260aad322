/**
 * What the link page keeps in the browser, and for how long.
 *
 * A draft (the response's id, when it was begun, what is filled in) lives in sessionStorage: it outlives a
 * reload and ends with the tab. A response that could not be sent lives in IndexedDB until the server has it:
 * its transactions say when something is on the disk, while localStorage is written seconds after it was
 * told, and a phone that dies in between has kept nothing. Both go the moment the server has the response:
 * the next person with this phone finds nothing.
 *
 * A browser may refuse storage (private windows, a full disk) or never answer. Then nothing is kept and the
 * caller is told by `false` or `null`, so that the page can say so.
 */

const DRAFT = "sipas.draft.";
const NAME = "sipas-link";
const STORE = "kept";
const PATIENCE = 5_000;
const FORMERLY = "sipas.kept."; // in localStorage, by a page of an earlier release

/**
 * Runs one access to storage; `fallback` when the browser refuses it or does not answer in time.
 * @template T
 * @param {() => T | Promise<T>} access
 * @param {T} fallback
 * @returns {Promise<T>}
 */
async function attempt(access, fallback) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("storage does not answer")), PATIENCE);
  });
  try {
    return await Promise.race([access(), late]);
  } catch (error) {
    console.warn("storage refused", error);
    return fallback;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns {Promise<IDBDatabase>} */
const open = () =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });

/**
 * One transaction; ends when it is on the disk.
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>} what the request brought
 */
async function run(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @param {string} code @param {object} body @returns {Promise<boolean>} whether it is on the disk */
export const keep = (code, body) => attempt(() => run("readwrite", (store) => store.put(body, code)).then(() => true), false);

/** @param {string} code @returns {Promise<object | null>} the body of POST /api/v1/responses that still waits */
export const kept = (code) => attempt(async () => (await run("readonly", (store) => store.get(code))) ?? null, null);

/** @returns {Promise<string[]>} the codes whose responses still wait */
export const waiting = () => attempt(() => run("readonly", (store) => store.getAllKeys()), /** @type {string[]} */ ([]));

/** Takes over what an earlier release has kept. @returns {Promise<void>} */
export const takeOver = () =>
  attempt(async () => {
    for (const key of Object.keys(localStorage).filter((one) => one.startsWith(FORMERLY))) {
      if (await keep(key.slice(FORMERLY.length), JSON.parse(localStorage.getItem(key)))) localStorage.removeItem(key);
    }
  }, undefined);

/** @param {string} code @returns {{id: string, startedAt: string, values: [string, string][]} | null} */
export function draft(code) {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT + code));
  } catch (error) {
    console.warn("storage refused", error);
    return null;
  }
}

/** @param {string} code @param {object} state */
export function saveDraft(code, state) {
  try {
    sessionStorage.setItem(DRAFT + code, JSON.stringify(state));
  } catch (error) {
    console.warn("storage refused", error);
  }
}

/** Removes what this tab holds of half-filled forms: of one link, or of all of them. @param {string} code */
export function forgetDrafts(code = "") {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT + code)) sessionStorage.removeItem(key);
  } catch (error) {
    console.warn("storage refused", error);
  }
}

/** Removes every trace of a link. @param {string} code @returns {Promise<void>} */
export async function forget(code) {
  forgetDrafts(code);
  await attempt(() => run("readwrite", (store) => store.delete(code)), undefined);
}
