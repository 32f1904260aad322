/** For the staff: how this tablet is, what waits on it, and the way to take it out of service. */

import { make } from "../dom.js";

/**
 * @param {object} view
 * @param {(id: string, values?: object) => string} view.t
 * @param {[string, string, boolean?][]} view.rows name, value, and whether it is a worry
 * @param {{id: string, problem: string, detail: string, at: string}[]} view.aside responses set aside
 * @param {number} view.waiting
 * @param {{send: () => Promise<void>, tryAgain: () => Promise<void>, unpair: () => void, leave: () => void}} view.acts
 */
export function statusScreen({ t, rows, aside, waiting, acts }) {
  const table = make(
    "dl",
    {},
    rows.map(([name, value, worry]) => make("div", { class: worry ? "worry" : null }, make("dt", {}, name), make("dd", {}, value))),
  );
  const button = (id, className, onclick) => make("button", { type: "button", class: className, onclick }, t(id));
  return make(
    "section",
    { class: "screen status" },
    make("header", {}, make("h1", { tabindex: "-1" }, t("kiosk.status.title")), button("kiosk.status.leave", "go", acts.leave)),
    table,
    aside.length > 0 && asideList({ t, aside, acts, button }),
    make("footer", {},
      button("kiosk.status.send", "quiet", acts.send),
      button("kiosk.status.unpair", "quiet danger", (event) => askTwice({ t, waiting, acts, button, at: event.currentTarget })),
    ),
  );
}

/**
 * The rows of the table.
 * @param {object} known what there is to say; null where nothing is known
 */
export function statusRows({ t, device, counts, storage, machine, clock }) {
  const moment = (iso) => (iso ? clock(iso) : t("kiosk.status.never"));
  const seconds = device.skew === null ? null : Math.round(device.skew / 1000);
  const late = seconds !== null && Math.abs(seconds) > 60;
  const row = (name, value, worry = false) => [t(`kiosk.status.${name}`), String(value), worry];
  return [
    row("unit", device.config ? `${device.config.unit.name} (${device.config.unit.code})` : "–"),
    row("device", device.config ? device.config.name : "–"),
    row("waiting", counts.waiting, counts.waiting > 100),
    row("set_aside", counts.setAside, counts.setAside > 0),
    row("last_sent", moment(device.lastSent)),
    row("network", t(`kiosk.status.network.${device.online === null ? "unknown" : device.online ? "on" : "off"}`), device.online === false),
    row("skew", seconds === null ? "–" : t("kiosk.status.skew_seconds", { seconds }), late),
    row("storage", t(`kiosk.status.storage.${storage}`), storage !== "ok"),
    row("unsaved", counts.unsaved, counts.unsaved > 0),
    row("room", machine.room ?? "–"),
    row("awake", t(machine.awake ? "kiosk.status.yes" : "kiosk.status.no")),
    row("version", device.version),
    row("problem", device.problem ?? machine.problem ?? t("kiosk.status.none"), Boolean(device.problem ?? machine.problem)),
  ];
}

function asideList({ t, aside, acts, button }) {
  const line = ({ id, problem, detail, at }) =>
    make("li", {}, make("strong", {}, problem), ` ${detail} `, make("span", { class: "soft" }, `${at.slice(0, 16).replace("T", " ")} · ${id}`));
  return make(
    "div",
    { class: "aside" },
    make("h2", {}, t("kiosk.status.aside_title", { count: aside.length })),
    make("p", {}, t("kiosk.status.aside_text")),
    make("ul", {}, aside.slice(0, 20).map(line)),
    button("kiosk.status.try_again", "quiet", acts.tryAgain),
  );
}

/** Unpairing asks once more, and says what would stay behind. */
function askTwice({ t, waiting, acts, button, at }) {
  const dialog = make(
    "dialog",
    { class: "dialog", "aria-labelledby": "unpair-title" },
    make("h2", { id: "unpair-title" }, t("kiosk.unpair.title")),
    make("p", {}, waiting > 0 ? t("kiosk.unpair.waiting", { count: waiting }) : t("kiosk.unpair.empty")),
    make("div", { class: "actions" },
      button("kiosk.unpair.no", "go", () => dialog.close()),
      button("kiosk.unpair.yes", "quiet danger", () => {
        dialog.close();
        acts.unpair();
      }),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  at.closest(".screen").append(dialog);
  dialog.showModal();
}
