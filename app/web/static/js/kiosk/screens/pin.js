/** The PIN that guards the status page. */

import { face, make } from "../dom.js";
import { keypad } from "./keypad.js";

/**
 * @param {object} view
 * @param {(id: string, values?: object) => string} view.t
 * @param {boolean} view.isSet whether this device has a PIN at all
 * @param {() => number} view.lockedSeconds how long no try is taken
 * @param {(pin: string) => Promise<boolean>} view.check true when it fits; the screen is then left
 * @param {() => void} view.leave
 */
export function pinScreen({ t, isSet, lockedSeconds, check, leave }) {
  const said = make("p", { class: "said", role: "alert" });
  const pad = keypad({ t, least: 4, most: 12, enter: t("kiosk.pin.go"), onenter: enter });
  const screen = make(
    "section",
    { class: "screen pairing" },
    make("div", { class: "words" },
      make("span", { class: "crest", "aria-hidden": "true" }, face(4)),
      make("h1", { tabindex: "-1" }, t("kiosk.pin.title")),
      make("p", {}, t(isSet ? "kiosk.pin.how" : "kiosk.pin.not_set")),
      said,
      make("button", { type: "button", class: "quiet", onclick: leave }, t("kiosk.pin.leave")),
    ),
    pad.element,
  );

  async function enter(pin) {
    pad.pause(true);
    if (await check(pin)) return;
    pad.clear();
    said.textContent = t("kiosk.pin.wrong");
    await waitOut();
  }

  async function waitOut() {
    for (let left = lockedSeconds(); left > 0 && screen.isConnected; left = lockedSeconds()) {
      pad.pause(true);
      said.textContent = t("kiosk.pin.locked", { seconds: left });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      if (lockedSeconds() === 0) said.textContent = "";
    }
    pad.pause(false);
  }

  pad.listen(screen);
  if (lockedSeconds() > 0) setTimeout(waitOut); // once it stands in the page
  return screen;
}
