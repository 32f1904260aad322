/**
 * The administrator's PIN, checked on the tablet itself because the status page matters most without network.
 * The configuration holds a salted PBKDF2 hash; each wrong try doubles the wait before the next, and the wait is
 * kept on the disk, so that a restart does not buy new tries.
 */

const LONGEST_WAIT_SECONDS = 300;
const FREE_TRIES = 3;

/** Counts wrong tries and checks a PIN. */
export class PinGate {
  #remember;
  #wrong = 0;
  #until = 0;

  /** @param {(values: object) => Promise<boolean>} remember keeps settings on the disk */
  constructor(remember) {
    this.#remember = remember;
  }

  /** Takes over what was kept before the page was started. */
  resume({ pin_wrong: wrong = 0, pin_until: until = 0 }) {
    this.#wrong = wrong;
    this.#until = Math.min(until, Date.now() + LONGEST_WAIT_SECONDS * 1000);
  }

  /** Seconds until the next try is taken. */
  lockedSeconds() {
    return Math.max(0, Math.ceil((this.#until - Date.now()) / 1000));
  }

  /** A try. The wait is kept before the answer is known: pulling the plug must not make it free. */
  async check(kept, typed) {
    if (!kept || this.lockedSeconds() > 0) return false;
    this.#wrong++;
    this.#until = Date.now() + pinWaitSeconds(this.#wrong) * 1000;
    await this.#remember({ pin_wrong: this.#wrong, pin_until: this.#until });
    const fits = await fitsPin(kept, typed);
    if (fits) {
      this.#wrong = this.#until = 0;
      await this.#remember({ pin_wrong: 0, pin_until: 0 });
    }
    return fits;
  }
}

/** Seconds to wait after so many wrong tries in a row: none for the first two, then 5, 10, 20, up to 300. */
export function pinWaitSeconds(wrong) {
  return wrong < FREE_TRIES ? 0 : Math.min(LONGEST_WAIT_SECONDS, 5 * 2 ** Math.min(wrong - FREE_TRIES, 10));
}

/**
 * @param {{iterations: number, salt: string, hash: string}} kept as the configuration says it
 * @param {string} typed
 * @returns {Promise<boolean>}
 */
export async function fitsPin(kept, typed) {
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(typed), "PBKDF2", false, ["deriveBits"]);
  const wanted = bytesOf(kept.hash);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(kept.salt), iterations: kept.iterations },
    key,
    wanted.length * 8,
  );
  const made = new Uint8Array(bits);
  return wanted.length > 0 && made.every((byte, place) => byte === wanted[place]);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
