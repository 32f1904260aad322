/**
 * One request to the service. What the network does (nothing, nonsense, a hotel's login page) is an answer with
 * status 0; what the service says is told by its status and the stable `code` of its problem. It never throws.
 */

import { retryAfter } from "./backoff.js";

const TIMEOUT_MS = 30_000;

/**
 * @typedef {object} Answer
 * @property {number} status 0 when no answer of the service came
 * @property {any} body the parsed JSON, null where there is none
 * @property {string | null} code the problem's code; "network" for status 0
 * @property {string} detail the problem's sentence
 * @property {number | null} retryAfter seconds
 * @property {string | null} etag
 */

/**
 * @param {string} method
 * @param {string} path beneath /api/v1
 * @param {{token?: string, body?: object, etag?: string | null}} [sending]
 * @returns {Promise<Answer>}
 */
export async function ask(method, path, { token, body, etag } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-None-Match"] = etag;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body ? JSON.stringify(body) : undefined,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: patience.signal,
    });
    const text = await response.text();
    return readAnswer(response, text);
  } catch (error) {
    return { ...NOTHING, detail: String((error && error.message) || error) };
  } finally {
    clearTimeout(timer);
  }
}

const NOTHING = { status: 0, body: null, code: "network", detail: "", retryAfter: null, etag: null };

function readAnswer(response, text) {
  const shared = {
    status: response.status,
    retryAfter: retryAfter(response.headers.get("retry-after"), Date.now()),
    etag: response.headers.get("etag"),
  };
  const body = parsed(text);
  if (response.ok) {
    if (body === null) return { ...NOTHING, detail: "an answer that is not JSON" };
    return { ...shared, body, code: null, detail: "" };
  }
  const code = body && typeof body.code === "string" ? body.code : null;
  return { ...shared, body, code, detail: (body && (body.detail || body.title)) || "" };
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null; // somebody else's page in place of our answer
    throw error;
  }
}
