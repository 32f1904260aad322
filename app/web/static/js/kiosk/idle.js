/**
 * Nobody there: after the idle time a countdown of ten seconds, then it is over. Any touch begins anew.
 */

export const COUNTDOWN_SECONDS = 10;
const SIGNS_OF_LIFE = ["pointerdown", "keydown", "input", "wheel", "touchstart"];

export class Idle {
  #timer = null;
  #seconds = null;
  #left = 0;
  #count;
  #over;

  /**
   * @param {(left: number | null) => void} count seconds left to show; null: somebody is there
   * @param {() => void} over
   */
  constructor(count, over) {
    this.#count = count;
    this.#over = over;
    for (const sign of SIGNS_OF_LIFE) {
      document.addEventListener(sign, () => this.touch(), { passive: true, capture: true });
    }
  }

  /** Watches from now on, or no longer (null). */
  watch(seconds) {
    this.#seconds = seconds;
    this.touch();
  }

  touch() {
    clearTimeout(this.#timer);
    if (this.#left > 0) this.#count(null);
    this.#left = 0;
    if (this.#seconds !== null) this.#timer = setTimeout(() => this.#tick(COUNTDOWN_SECONDS), this.#seconds * 1000);
  }

  #tick(left) {
    this.#left = left;
    if (left === 0) {
      this.#seconds = null;
      this.#count(null);
      this.#over();
      return;
    }
    this.#count(left);
    this.#timer = setTimeout(() => this.#tick(left - 1), 1000);
  }
}
