/** What the tablet says when it cannot ask citizens, and what somebody can do about it. */

import { make } from "../dom.js";
import { cornerButton } from "./corner.js";

/**
 * @param {object} view
 * @param {(id: string, values?: object) => string} view.t
 * @param {string} view.reason "revoked", "unauthorized", "connecting", "broken" or "insecure"
 * @param {string | null} view.unit name of the unit, where it is known
 * @param {number} view.waiting responses that wait on this tablet
 * @param {string | null} view.detail for the person who has to mend it
 * @param {() => void} view.staff
 * @param {(() => void) | null} view.retry
 */
export function stoppedScreen({ t, reason, unit, waiting, detail, staff, retry }) {
  return make(
    "section",
    { class: "screen stopped" },
    make("header", {}, unit && cornerButton({ name: unit, hint: t("kiosk.corner"), staff })),
    make("div", { class: "invitation" },
      make("h1", { tabindex: "-1" }, t(`kiosk.stopped.${reason}.title`)),
      make("p", {}, t(`kiosk.stopped.${reason}.text`)),
      waiting > 0 && make("p", { class: "soft" }, t("kiosk.stopped.waiting", { count: waiting })),
      detail && make("p", { class: "soft" }, detail),
      retry && make("button", { type: "button", class: "go", onclick: retry }, t("kiosk.stopped.retry")),
    ),
  );
}
