/**
 * Texts for people. They come with the page, from the message catalogues, in every language at once: the tablet
 * must speak without network, and switching must not wait. A missing text shows its id, loudly, not nothing.
 */

const TEXTS = JSON.parse(document.getElementById("texts").textContent);

const FIRST = document.documentElement.lang;

/** The languages the catalogues hold, the page's own first. */
export const LANGUAGES = [FIRST, ...Object.keys(TEXTS).filter((language) => language !== FIRST)];

/**
 * @param {string} language
 * @param {string} id
 * @param {Object<string, string | number>} [values] for the {names} in the text
 */
export function text(language, id, values = {}) {
  const found = (TEXTS[language] || TEXTS[FIRST])[id] ?? id;
  return found.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** A text of the questionnaire, {vi, en}, in a language. */
export function said(texts, language) {
  return texts[language] ?? Object.values(texts)[0];
}
