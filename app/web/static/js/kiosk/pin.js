/**
 * The administrator's PIN, checked on the tablet itself because the status page matters most without network.
 * The configuration holds a salted PBKDF2 hash; each wrong try doubles the wait before the next, and the wait is
 * kept on the disk, so that a restart does not buy new tries.
 */

const LONGEST_WAIT_SECONDS = 300;
const FREE_TRIES = 3;

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
