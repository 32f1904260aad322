/**
 * What becomes of one batch of responses. The rules, in one place:
 *
 * - a response is done when the service names its id `accepted` or `replayed`, never before;
 * - one the service rejects for good is set aside with the problem's code, the others go on;
 * - a whole batch refused for its form (400, 413, 422) is halved until the one poisoned response is found;
 * - a device that is refused (401, 403) stops; everything waits where it is;
 * - anything else (no network, 429, 5xx, somebody else's page) waits and is tried again.
 *
 * Knows neither disk nor network: `post` sends, the result says what to do.
 */

/**
 * @typedef {object} Result
 * @property {string[]} done ids the service has
 * @property {{item: object, problem: string, detail: string}[]} refused
 * @property {"fine" | "later" | "stop"} then
 * @property {string | null} problem the code of what went wrong
 * @property {number | null} retryAfter seconds
 */

const STOPPING = new Set(["unauthorized", "device_revoked"]);

/**
 * @param {import("./outbox.js").Item[]} items
 * @param {(items: object[]) => Promise<import("./api.js").Answer>} post
 * @returns {Promise<Result>}
 */
export async function deliver(items, post) {
  const result = { done: [], refused: [], then: "fine", problem: null, retryAfter: null };
  await deliverInto(result, items, post);
  return result;
}

async function deliverInto(result, items, post) {
  const answer = await post(items);
  if (answer.status === 200 && Array.isArray(answer.body.items)) {
    judge(result, items, answer.body.items);
  } else if (STOPPING.has(answer.code)) {
    Object.assign(result, { then: "stop", problem: answer.code });
  } else if (isRefusal(answer)) {
    if (items.length === 1) {
      const problem = answer.code ?? "body_too_large";
      result.refused.push({ item: items[0], problem, detail: answer.detail });
      return;
    }
    const middle = Math.ceil(items.length / 2);
    await deliverInto(result, items.slice(0, middle), post);
    if (result.then === "fine") await deliverInto(result, items.slice(middle), post);
  } else {
    const problem = answer.status === 200 ? "network" : answer.code ?? `http_${answer.status}`;
    Object.assign(result, { then: "later", problem, retryAfter: answer.retryAfter });
  }
}

/** A 400 or 422 counts only with a problem's code in it: a proxy's own must not empty the outbox. */
function isRefusal({ status, code }) {
  return status === 413 || ((status === 400 || status === 422) && code !== null);
}

function judge(result, items, verdicts) {
  const byId = new Map(items.map((item) => [item.id, item]));
  const known = (id) => typeof id === "string" && byId.get(id.toLowerCase());
  let moved = 0;
  for (const { id, status, problem } of verdicts) {
    const item = known(id);
    if (!item) continue;
    if (status === "accepted" || status === "replayed") {
      result.done.push(item.id);
      moved++;
    } else if (status === "rejected" && isForGood(problem)) {
      result.refused.push({ item, problem: problem.code, detail: sentence(problem) });
      moved++;
    } else {
      Object.assign(result, { then: "later", problem: (problem && problem.code) || "unknown_answer" });
    }
  }
  if (moved < items.length && result.then === "fine") {
    Object.assign(result, { then: "later", problem: "unknown_answer" }); // an item nobody spoke of stays
  }
}

/** Whether sending it again could not help: the service was busy (429, 5xx) or somebody was faster (conflict). */
function isForGood(problem) {
  return Boolean(problem) && problem.status < 500 && problem.status !== 429 && problem.code !== "conflict";
}

function sentence(problem) {
  const faults = (problem.errors || []).map(({ pointer, code }) => `${pointer} ${code}`.trim());
  return faults.slice(0, 3).join(", ") || problem.detail || "";
}
