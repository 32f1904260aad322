/**
 * UUIDs of version 7 (RFC 9562): 48 bits of time, 74 random bits. The page makes a response's id before
 * anything is sent, so that sending again, by whoever and however often, never makes a second response.
 *
 * Written by hand because `crypto.randomUUID` makes version 4 only, and only where the page came over HTTPS.
 */

/**
 * @param {number} [now] milliseconds since 1970
 * @param {Uint8Array} [bytes] 16 random bytes
 * @returns {string} for example "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22"
 */
export function uuid7(now = Date.now(), bytes = crypto.getRandomValues(new Uint8Array(16))) {
  const made = Uint8Array.from(bytes);
  for (let place = 0, rest = now; place < 6; place++) {
    made[5 - place] = rest % 256; // no shifts: they would cut the time off at 32 bits
    rest = Math.floor(rest / 256);
  }
  made[6] = 0x70 | (made[6] & 0x0f);
  made[8] = 0x80 | (made[8] & 0x3f);
  const hex = Array.from(made, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
