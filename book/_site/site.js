// A formula that is wider than the page scrolls. Only then it is a stop of the Tab key, from which
// the arrow keys scroll it.
const formulas = document.querySelectorAll("div.math");

function markWideFormulas() {
  for (const formula of formulas) {
    formula.toggleAttribute("tabindex", formula.scrollWidth > formula.clientWidth);
    if (formula.hasAttribute("tabindex")) formula.tabIndex = 0;
  }
}

addEventListener("load", markWideFormulas);
addEventListener("resize", markWideFormulas);

// The search page shows a line of each page it finds. From a folder a browser lets it fetch none.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A page of the published book that was read once can be read again without a network. It keeps
// itself and all it has loaded; sw.js answers with that. Not on 127.0.0.1, where `make serve` shows
// the book to those who change it.
async function keepThisPage() {
  const root = new URL(document.documentElement.dataset.content_root, location.href).href;
  await navigator.serviceWorker.register(root + "sw.js");
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const kept = [location.href.split("#")[0], ...loaded].filter((url) => url.startsWith(root));
  const cache = await caches.open("pixel-by-pixel");
  await cache.addAll(new Set(kept));
}

const published = location.protocol !== "file:" && location.hostname !== "127.0.0.1";
if (published && isSecureContext && "serviceWorker" in navigator) {
  // Some browsers refuse in a private window: then the page is read, and not kept.
  addEventListener("load", () => keepThisPage().catch(() => {}));
}
