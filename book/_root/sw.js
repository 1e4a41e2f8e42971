// Answers with what the network has; where that fails or takes too long, with what offline.js has kept.
const BOOK = "pixel-by-pixel";
const PATIENCE = 4000; // ms; then a page that is kept is shown, if it may be an older one

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(BOOK).then((cache) => cache.add("offline.html")));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) {
    event.respondWith(answer(event.request));
  }
});

async function answer(request) {
  const loading = fetch(request);
  const late = new Promise((done) => setTimeout(done, PATIENCE));
  try {
    return (await Promise.race([loading, late])) ?? (await keptFor(request)) ?? (await loading);
  } catch (error) {
    const kept = (await keptFor(request)) ?? (request.mode === "navigate" && (await missing()));
    if (kept) return kept;
    throw error;
  }
}

/** What is kept under this address, whatever version the page asks for. */
async function keptFor(request) {
  const url = request.url.replace(/[?#].*/, "").replace(/\/$/, "/index.html");
  return (await caches.open(BOOK)).match(url);
}

/** The page that says so: its links begin at the root of the site, wherever it is shown. */
async function missing() {
  const page = await (await caches.match("offline.html"))?.text();
  if (!page) return undefined;
  const text = page.replace("<head>", `<head><base href="${registration.scope}">`);
  return new Response(text, { status: 503, headers: { "content-type": "text/html; charset=utf-8" } });
}
