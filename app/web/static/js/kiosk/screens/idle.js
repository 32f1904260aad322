/** "Are you still there?" A modal dialog: what lies behind it can be neither touched nor read out. */

import { make } from "../dom.js";

/**
 * @param {object} view
 * @param {(id: string, values?: object) => string} view.t
 * @param {() => void} view.goOn
 */
export function idleDialog({ t, goOn }) {
  const seconds = make("span", { class: "countdown", "aria-hidden": "true" });
  const element = make(
    "dialog",
    { class: "dialog", role: "alertdialog", "aria-labelledby": "idle-title", "aria-describedby": "idle-text" },
    make("h2", { id: "idle-title" }, t("kiosk.idle.title")),
    seconds,
    make("p", { id: "idle-text" }, t("kiosk.idle.text")),
    make("button", { type: "button", class: "go", onclick: goOn }, t("kiosk.idle.go_on")),
  );
  return {
    element,
    open: () => element.showModal(),
    show: (left) => (seconds.textContent = String(left)),
    close: () => {
      element.close();
      element.remove();
    },
  };
}
