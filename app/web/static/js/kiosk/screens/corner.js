/** The unit's name in the corner. Held for three seconds it opens the way to the status page. */

import { face, make } from "../dom.js";
import { onHold } from "../hold.js";

/** @param {{name: string, hint: string, staff: () => void}} corner */
export function cornerButton({ name, hint, staff }) {
  const button = make(
    "button",
    { type: "button", class: "corner" },
    make("span", { class: "crest", "aria-hidden": "true" }, face(4)),
    make("span", { class: "office" }, name),
    make("span", { class: "unseen" }, ` · ${hint}`),
  );
  onHold(button, staff);
  return button;
}
