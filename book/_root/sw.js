// Answers with what the network has; without a network, with what site.js has kept.
addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function answer(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept =
      (await caches.match(request)) ?? (await caches.match(request, { ignoreSearch: true }));
    if (kept) return kept;
    throw error;
  }
}
