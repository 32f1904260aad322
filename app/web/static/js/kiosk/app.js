/**
 * Which screen stands there, and what a touch does. Everything a citizen says is in `#state`; dropping it is the
 * wipe. Staff's matters (pairing, PIN, status) stand beside the survey and never in the middle of it.
 */

import { uuid7 } from "../uuid.js";
import { ATTRACT, begin, next, responseOf, stepOf } from "./survey.js";
import { LANGUAGES, text } from "./texts.js";
import { attractScreen } from "./screens/attract.js";
import { idleDialog } from "./screens/idle.js";
import { pairingScreen } from "./screens/pairing.js";
import { pinScreen } from "./screens/pin.js";
import { statusRows, statusScreen } from "./screens/status.js";
import { stepScreen, thanksScreen } from "./screens/steps.js";
import { stoppedScreen } from "./screens/stopped.js";
import { Idle } from "./idle.js";

const THANKS_MS = 3000;
const CHOSEN_MS = 350; // one sees what one has chosen; and a double tap never answers the next question
const STAFF_IDLE_SECONDS = 60;
const STOPPED = { device_revoked: "revoked", unauthorized: "unauthorized" };

export class App {
  #parts;
  #state = ATTRACT;
  #staff = null; // "pin" or "status" while the staff is at work
  #settling = false;
  #home = null; // what the screen between two citizens was made of
  #dialog = null;
  #idle;

  /** @param {object} parts stage, notice: elements; device, outbox, sender, updates, gate, machine */
  constructor(parts) {
    this.#parts = parts;
    this.counts = { waiting: 0, setAside: 0, unsaved: 0 };
    /** @type {string | null} "broken" or "insecure": the page cannot work at all */
    this.unfit = null;
    this.#idle = new Idle((left) => this.#count(left), () => this.abandon());
  }

  /** Whether nobody is answering and no staff is at work. */
  get isBetween() {
    return this.#state.screen === "attract" && this.#staff === null;
  }

  #t = (id, values) => text(this.#language, id, values);

  get #language() {
    if (this.#state.language) return this.#state.language;
    const { config } = this.#parts.device;
    return config && LANGUAGES.includes(config.languages[0]) ? config.languages[0] : LANGUAGES[0];
  }

  /** Device, outbox or storage have changed. A citizen is not disturbed by it. */
  async refresh() {
    this.counts = await this.#parts.outbox.counts();
    this.#sayNotice();
    if (!this.isBetween) return;
    this.#parts.updates.settle(); // what was held in memory alone may be safe now
    this.#showHome();
  }

  #sayNotice() {
    const { notice, outbox } = this.#parts;
    const shown = outbox.storage !== "ok" && this.#state.screen !== "survey";
    const sentence = shown ? this.#t(`kiosk.notice.${outbox.storage}`, { count: this.counts.unsaved }) : "";
    if (notice.textContent !== sentence) notice.textContent = sentence;
    notice.hidden = !sentence;
  }

  /** Back to the beginning, with nothing left of whoever was there. */
  toHome() {
    this.#state = ATTRACT;
    this.#staff = null;
    this.#settling = false;
    this.#home = null;
    this.#idle.watch(null);
    this.#parts.updates.settle();
    this.#showHome();
    this.#sayNotice();
  }

  #showHome() {
    const { device } = this.#parts;
    const kind = this.#homeKind();
    const made = JSON.stringify([kind, device.etag, kind === "attract" ? 0 : this.counts.waiting, device.problem]);
    if (made === this.#home) return;
    if (kind === "pairing" && this.#home && JSON.parse(this.#home)[0] === kind) return; // somebody is typing
    this.#home = made;
    this.#put(this.#homeScreen(kind));
  }

  #homeKind() {
    const { device } = this.#parts;
    if (this.unfit) return this.unfit;
    if (!device.token) return "pairing";
    if (device.stopped) return STOPPED[device.stopped];
    return device.config ? "attract" : "connecting";
  }

  #homeScreen(kind) {
    const { device } = this.#parts;
    const staff = () => this.#openPin();
    if (kind === "attract") return attractScreen({ config: device.config, start: () => this.#begin(), staff });
    if (kind === "pairing") {
      return pairingScreen({ t: this.#t, pair: (code) => device.pair(code), waiting: this.counts.waiting });
    }
    const retry = {
      connecting: () => device.fetchConfig(),
      broken: () => location.reload(),
      unauthorized: () => device.unpair(), // a token nobody knows is worth nothing: type a new code
      revoked: device.config ? null : () => device.unpair(), // no PIN to ask for
    }[kind];
    return stoppedScreen({
      t: this.#t,
      reason: kind,
      unit: device.config && device.config.unit.name,
      waiting: this.counts.waiting,
      detail: device.problem,
      staff,
      retry: retry ?? null,
    });
  }

  #put(screen) {
    this.#parts.stage.replaceChildren(screen);
    document.documentElement.lang = this.#language;
    const heading = screen.querySelector("h1");
    if (heading) heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  #begin() {
    const { config } = this.#parts.device;
    this.#home = null;
    this.#state = begin(config, uuid7(), new Date().toISOString());
    this.#idle.watch(config.idle_seconds);
    this.#showStep();
    this.#sayNotice();
  }

  #act(event) {
    if (this.#settling) return;
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state === before || event.type === "write") return;
    if (this.#state.screen === "thanks") this.#finish();
    if (event.type !== "answer") {
      this.#showStep();
      return;
    }
    this.#settling = true;
    const chosen = this.#state;
    setTimeout(() => {
      if (this.#state !== chosen) return; // wiped meanwhile
      this.#settling = false;
      this.#showStep();
    }, CHOSEN_MS);
  }

  #showStep() {
    const state = this.#state;
    const view = { t: this.#t, state, language: this.#language, act: (event) => this.#act(event) };
    if (state.screen === "survey") {
      this.#put(stepScreen({ ...view, step: stepOf(state) }));
      return;
    }
    this.#put(thanksScreen(view));
    setTimeout(() => this.#state === state && this.toHome(), THANKS_MS);
  }

  #finish() {
    this.#idle.watch(null);
    this.#hand(this.#state);
  }

  /** The citizen has left, or somebody navigated away: what was answered counts, and the screen is wiped. */
  abandon() {
    if (this.#state.screen === "survey") this.#hand(this.#state);
    this.toHome();
  }

  async #hand(state) {
    const item = responseOf(state, new Date().toISOString());
    if (item === null) return;
    await this.#parts.outbox.add(item);
    this.#parts.handed();
  }

  #count(left) {
    if (left === null) {
      if (this.#dialog) this.#dialog.close();
      this.#dialog = null;
      return;
    }
    if (!this.#dialog) {
      this.#dialog = idleDialog({ t: this.#t, goOn: () => this.#idle.touch() });
      this.#parts.stage.append(this.#dialog.element);
      this.#dialog.open();
    }
    this.#dialog.show(left);
  }

  #openPin() {
    const { gate, device } = this.#parts;
    this.#staff = "pin";
    this.#home = null;
    this.#idle.watch(STAFF_IDLE_SECONDS);
    const check = async (pin) => {
      const fits = await gate.check(device.config && device.config.pin, pin);
      if (fits && this.#staff === "pin") await this.#openStatus();
      return fits;
    };
    this.#put(
      pinScreen({
        t: this.#t,
        isSet: Boolean(device.config && device.config.pin),
        lockedSeconds: () => gate.lockedSeconds(),
        check,
        leave: () => this.toHome(),
      }),
    );
  }

  async #openStatus() {
    const { outbox, device, sender, machine } = this.#parts;
    this.#staff = "status";
    const [counts, aside] = [await outbox.counts(), await outbox.setAsideItems()];
    if (this.#staff !== "status") return; // left meanwhile
    const clock = (iso) => new Date(iso).toLocaleString(this.#language);
    const rows = statusRows({ t: this.#t, device, counts, storage: outbox.storage, machine, clock });
    const again = async (work) => {
      await work();
      if (this.#staff === "status") await this.#openStatus();
    };
    const send = async () => {
      await sender.wake({ anew: true });
      await device.beat();
    };
    const acts = {
      send: () => again(send),
      tryAgain: () => again(async () => (await outbox.tryAgain(), await send())),
      unpair: async () => {
        await sender.wake({ anew: true });
        await device.unpair();
        this.toHome();
      },
      leave: () => this.toHome(),
    };
    this.#put(statusScreen({ t: this.#t, rows, aside, waiting: counts.waiting, acts }));
  }
}
