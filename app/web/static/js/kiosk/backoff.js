/**
 * When to try again. Exponential with full jitter: after an outage all tablets of a province see the network at
 * the same moment, and a random share of the wait spreads them evenly. Pure.
 */

export const FIRST_SECONDS = 2;
export const LONGEST_SECONDS = 300;

/**
 * @param {number} failures how many tries failed in a row, at least 1
 * @param {number | null} asked what the server asked for (Retry-After), in seconds
 * @param {() => number} random 0 <= n < 1
 * @returns {number} seconds to wait: never less than the server asked for
 */
export function waitSeconds(failures, asked = null, random = Math.random) {
  const most = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** Math.min(failures - 1, 20));
  return (asked ?? 0) + random() * most;
}

/**
 * @param {string | null} header a Retry-After: seconds or a date
 * @param {number} now milliseconds since 1970
 * @returns {number | null} seconds, at most an hour; null where nothing can be read
 */
export function retryAfter(header, now) {
  if (!header) return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isNaN(seconds) ? null : Math.min(3600, Math.max(0, seconds));
}
