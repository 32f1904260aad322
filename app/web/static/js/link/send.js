/**
 * Sending one response, as often as it takes.
 *
 * The server answers a repeated sending like the first, so whenever it is not certain that a response
 * arrived, it is sent again: at once when the network comes back, otherwise with growing pauses.
 */

const PATIENCE = 20_000;
const SHORTEST = 2_000;
const LONGEST = 60_000;

/**
 * @typedef {{end: "sent"} | {end: "refused", problem: {code: string, errors?: {pointer: string, code: string}[]}}
 *   | {end: "later", pause: number}} Outcome
 */

/**
 * One attempt. Never throws: what cannot be known is `later`.
 * @param {object} body as for POST /api/v1/responses, without `sent_at`
 * @returns {Promise<Outcome>}
 */
export async function send(body) {
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), PATIENCE);
  try {
    const answer = await fetch("/api/v1/responses", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...body, sent_at: new Date().toISOString() }),
      credentials: "omit",
      cache: "no-store",
      signal: cut.signal,
    });
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
      return { end: "later", pause: 1000 * Number(answer.headers.get("Retry-After")) || 0 };
    }
    // A hotel's network answers for us, with 200 and a page of its own: only our own words count.
    const said = await answer.json();
    if (answer.ok && said.status === "accepted" && said.id === body.id) return { end: "sent" };
    if (!answer.ok && typeof said.code === "string") return { end: "refused", problem: said };
    return { end: "later", pause: 0 };
  } catch (error) {
    console.info("not sent", error); // no network, a cut connection, an answer that is not ours
    return { end: "later", pause: 0 };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Attempts until it has come to an end; between them waits, growing and a little at random, or until
 * `nudge` is called (the network is back, a button was pressed).
 */
export class Delivery {
  /** @param {object} body @param {{waits: () => void, tries: () => void}} tell what to show meanwhile */
  constructor(body, tell) {
    this.body = body;
    this.tell = tell;
    this.nudge = () => {};
  }

  /** @returns {Promise<Outcome>} `sent` or `refused` */
  async run() {
    for (let pause = SHORTEST; ; pause = Math.min(2 * pause, LONGEST)) {
      this.tell.tries();
      const outcome = await send(this.body);
      if (outcome.end !== "later") return outcome;
      this.tell.waits();
      await this.rest(Math.max(outcome.pause, pause * (0.75 + Math.random() / 2)));
    }
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  rest(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.nudge = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
