/** Pairing: the administrator reads out ten digits, the tablet types them once. */

import { face, make } from "../dom.js";
import { keypad } from "./keypad.js";

const DIGITS = 10;

/**
 * @param {object} view
 * @param {(id: string, values?: object) => string} view.t
 * @param {(code: string) => Promise<import("../api.js").Answer>} view.pair
 * @param {number} view.waiting responses of an earlier pairing that still wait here
 */
export function pairingScreen({ t, pair, waiting }) {
  const said = make("p", { class: "said", role: "alert" });
  const pad = keypad({ t, least: DIGITS, most: DIGITS, groups: [4, 3, 3], enter: t("kiosk.pair.go"), onenter: enter });

  async function enter(code) {
    pad.pause(true);
    said.textContent = t("kiosk.pair.trying");
    const answer = await pair(code);
    if (answer.status === 200) return;
    said.textContent = sentence(answer);
    pad.pause(false);
    if (answer.code === "pairing_code_invalid") pad.clear();
  }

  function sentence({ code, status, retryAfter }) {
    if (code === "pairing_code_invalid") return t("kiosk.pair.wrong");
    if (code === "too_many_requests") return t("kiosk.pair.too_many", { seconds: Math.ceil(retryAfter ?? 60) });
    if (status === 0) return t("kiosk.pair.no_network");
    return t("kiosk.pair.failed", { code: code ?? status });
  }

  const screen = make(
    "section",
    { class: "screen pairing" },
    make("div", { class: "words" },
      make("span", { class: "crest", "aria-hidden": "true" }, face(4)),
      make("h1", { tabindex: "-1" }, t("kiosk.pair.title")),
      make("p", {}, t("kiosk.pair.how")),
      waiting > 0 && make("p", { class: "soft" }, t("kiosk.pair.waiting", { count: waiting })),
      said,
    ),
    pad.element,
  );
  pad.listen(screen);
  return screen;
}
