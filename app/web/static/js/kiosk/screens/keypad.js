/** A keypad for thumbs: ten large digits. A keyboard works as well. Used for the pairing code and the PIN. */

import { make } from "../dom.js";

/**
 * @param {object} wanted
 * @param {(id: string, values?: object) => string} wanted.t
 * @param {number} wanted.least digits before it can be entered
 * @param {number} wanted.most digits
 * @param {number[]} [wanted.groups] how the digits are set apart; without groups they are hidden
 * @param {string} wanted.enter label of the button that enters
 * @param {(digits: string) => void} wanted.onenter
 * @returns {{element: HTMLElement, listen: (screen: HTMLElement) => void, clear: () => void, pause: (paused: boolean) => void}}
 */
export function keypad({ t, least, most, groups, enter, onenter }) {
  let digits = "";
  let paused = false;
  const shown = make("div", { class: groups ? "typed" : "typed hidden-digits", "aria-hidden": "true" });
  const spoken = make("p", { class: "unseen", role: "status" });
  const go = make("button", { type: "button", class: "go", onclick: () => submit() }, enter);

  function show() {
    const places = groups ? most : Math.max(least, digits.length);
    const cells = Array.from({ length: places }, (_, place) => cell(place));
    const cuts = groups ?? [places];
    let start = 0;
    shown.replaceChildren(
      ...cuts.map((size) => make("span", { class: "group" }, cells.slice(start, (start += size)))),
    );
    spoken.textContent = t("kiosk.keypad.typed", { count: digits.length });
    go.disabled = paused || digits.length < least;
  }

  function cell(place) {
    const filled = place < digits.length;
    return make("span", { class: filled ? "digit filled" : "digit" }, filled ? (groups ? digits[place] : "•") : "");
  }

  function type(digit) {
    if (paused || digits.length >= most) return;
    digits += digit;
    show();
  }

  function erase() {
    digits = digits.slice(0, -1);
    show();
  }

  function submit() {
    if (!paused && digits.length >= least) onenter(digits);
  }

  const key = (digit) => make("button", { type: "button", class: "key", onclick: () => type(digit) }, digit);
  const eraser = make("button", { type: "button", class: "key", onclick: erase, "aria-label": t("kiosk.keypad.erase") }, "⌫");
  const keys = make("div", { class: "keys" }, [..."123456789"].map(key), eraser, key("0"), go);
  const element = make("div", { class: "keypad" }, shown, spoken, keys);
  show();
  return {
    element,
    /** A keyboard types wherever on the screen the focus is. */
    listen(screen) {
      screen.addEventListener("keydown", (event) => {
        if (/^[0-9]$/.test(event.key)) type(event.key);
        else if (event.key === "Backspace") erase();
        else if (event.key === "Enter" && event.target.tagName !== "BUTTON") submit(); // a button presses itself
      });
    },
    clear() {
      digits = "";
      show();
    },
    pause(value) {
      paused = value;
      show();
    },
  };
}
