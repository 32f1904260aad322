/**
 * The service worker of the tablet's page. The server puts three constants before it: VERSION, PAGE, SHELL.
 *
 * It keeps one version of the shell whole: page, style, modules, icons. What is kept is answered from there and
 * never asks the network, so the tablet starts anywhere. Everything else, above all the API, passes it untouched.
 * A new version is fetched beside the old one and waits until the page, between two citizens, lets it take over.
 */

const PREFIX = "sipas-kiosk-";
const CACHE = PREFIX + VERSION;
const KEPT = new Set(SHELL);

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method === "GET" && origin === self.location.origin && KEPT.has(pathname)) {
    event.respondWith(fromShell(pathname, request));
  }
});

async function fill() {
  const cache = await caches.open(CACHE);
  await Promise.all(SHELL.map((path) => keep(cache, path)));
}

/** While releases change, two of them may answer: files of another one must not get into this one's shell. */
async function keep(cache, path) {
  const response = await fetch(path, { cache: path.startsWith("/static/") ? "default" : "reload", credentials: "omit" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const foreign = path.startsWith("/static/")
    ? !(response.headers.get("cache-control") || "").includes("immutable")
    : path === PAGE && !(await response.clone().text()).includes(VERSION);
  if (foreign) throw new Error(`${path} is of another release`);
  await cache.put(path, response);
}

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function fromShell(path, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path, { ignoreVary: true })) || fetch(request);
}
