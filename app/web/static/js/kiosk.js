/**
 * The tablet's page: wires its parts together and starts them. Order matters: the disk first (is this tablet
 * paired, what does it ask?), then the screen, and only then the network, which may not be there at all.
 */

import { ask } from "./kiosk/api.js";
import { App } from "./kiosk/app.js";
import { Device } from "./kiosk/device.js";
import { guardPage } from "./kiosk/guard.js";
import { Machine } from "./kiosk/machine.js";
import { Outbox } from "./kiosk/outbox.js";
import { PinGate } from "./kiosk/pin.js";
import { Sender } from "./kiosk/sender.js";
import { Store, StoreError } from "./kiosk/store.js";
import { Updates } from "./kiosk/update.js";
import { openChannel, whenLeading } from "./kiosk/windows.js";

const RETRY_BROKEN_MS = 30_000;

const machine = new Machine();
window.addEventListener("error", ({ error, message }) => machine.note(error || message));
window.addEventListener("unhandledrejection", ({ reason }) => machine.note(reason));

const store = new Store();
const outbox = new Outbox(store, () => app.refresh());
const tell = openChannel(async (topic) => {
  if (topic === "settings") await device.load();
  if (topic === "outbox") sender.wake();
  if (topic === "settings" && device.leads) device.beat();
  app.refresh();
});
const device = new Device({
  store,
  outbox,
  version: document.getElementById("stage").dataset.version,
  changed(what) {
    if (what === "settings") tell("settings");
    sender.wake({ anew: what === "back" }); // some networks come back without telling the browser
    app.refresh();
  },
});
const sender = new Sender({
  outbox,
  post: (responses) => ask("POST", "/responses/batch", { token: device.token, body: { responses } }),
  mayTake: (item) => (device.asksFor(item) ? null : "other_unit"),
  maySend: () => Boolean(device.token && device.config && !device.stopped),
  stopped: (code) => device.stop(code),
  sent: (at) => device.sent(at),
});
const gate = new PinGate((values) => outbox.remember(values));
const updates = new Updates(() => app.isBetween && !outbox.holdsUnsaved);
const app = new App({
  stage: document.getElementById("stage"),
  notice: document.getElementById("notice"),
  device,
  outbox,
  sender,
  updates,
  gate,
  machine,
  handed() {
    tell("outbox");
    sender.wake();
  },
});

function backOnline() {
  sender.wake({ anew: true });
  device.beat();
}

async function start() {
  guardPage(() => app.abandon());
  if (!window.isSecureContext) {
    app.unfit = "insecure";
    app.toHome();
    return;
  }
  try {
    await device.load();
    gate.resume(await store.read("pin_wrong", "pin_until"));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    device.problem = error.message;
    app.unfit = "broken"; // without the disk nobody knows whether this tablet is paired
    app.toHome();
    setTimeout(() => location.reload(), RETRY_BROKEN_MS);
    return;
  }
  await app.refresh();
  window.addEventListener("online", backOnline);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && backOnline());
  whenLeading(() => {
    sender.leads = device.leads = true;
    backOnline();
  });
  await updates.start();
  await machine.start();
}

start();
