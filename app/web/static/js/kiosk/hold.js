/**
 * A long press: by finger, mouse, or the Enter key held down, so that staff without a free hand can open the
 * status page, too. Shorter presses do nothing.
 */

export const HOLD_MS = 3000;

/** @param {HTMLElement} element @param {() => void} act called after three seconds of holding */
export function onHold(element, act) {
  let timer = null;
  const release = () => {
    clearTimeout(timer);
    timer = null;
  };
  const press = () => {
    timer ??= setTimeout(() => {
      release();
      act();
    }, HOLD_MS);
  };
  element.addEventListener("pointerdown", press);
  for (const type of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) {
    element.addEventListener(type, release);
  }
  element.addEventListener("keydown", ({ key }) => (key === "Enter" || key === " ") && press());
  element.addEventListener("click", (event) => event.stopPropagation()); // the screen around it starts the survey
}
