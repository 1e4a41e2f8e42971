// The published book without a network. A page that was read once is kept, with all it has loaded; on
// the front page the whole book can be. sw.js answers with what is kept. Not on 127.0.0.1, where `make
// serve` shows the book to those who change it.
(() => {
  const root = new URL(document.documentElement.dataset.content_root, location.href).href;
  const LIST = root + "offline.json"; // all files of the book: { version, bytes, files: { path: hash } }
  const AT_ONCE = 6;
  const published = location.protocol !== "file:" && location.hostname !== "127.0.0.1";

  const openCache = () => caches.open("pixel-by-pixel");
  const plain = (url) => url.replace(/[?#].*/, "").replace(/\/$/, "/index.html"); // no version, one name
  const load = async (url, mode) => {
    const response = await fetch(url, { cache: mode });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response;
  };
  const freshList = async () => (await load(LIST, "no-cache")).json();
  const keptList = async () => (await (await openCache()).match(LIST))?.json(); // of the whole book

  /** Keep files under their plain addresses, so that a new version takes the place of an old one. */
  async function keep(urls, mode = "default", tell = () => {}) {
    const cache = await openCache();
    const waiting = [...new Set(urls)];
    const all = waiting.length;
    let done = 0;
    const next = async () => {
      for (let url = waiting.pop(); url; url = waiting.pop()) {
        await cache.put(plain(url), await load(url, mode));
        tell(++done, all);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  /** Forget files that the book no longer has. */
  async function tidy({ files }) {
    const cache = await openCache();
    for (const { url } of await cache.keys()) {
      const current = url === plain(url) && (url === LIST || url.slice(root.length) in files);
      if (!current) await cache.delete(url);
    }
  }

  /** Keep all of the book: what has changed since it was kept, or everything. */
  async function keepBook(tell) {
    const [list, kept] = [await freshList(), await keptList()];
    const changed = Object.keys(list.files).filter((path) => list.files[path] !== kept?.files[path]);
    await keep(changed.map((path) => root + path), "no-cache", tell);
    await (await openCache()).put(LIST, new Response(JSON.stringify(list))); // last: now it is whole
    await tidy(list);
    return list;
  }

  async function keepThisPage() {
    await navigator.serviceWorker.register(root + "sw.js");
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    const figures = [...document.querySelectorAll("script[data-after]")].map((script) => script.src);
    if (figures.length) figures.push(root + "_static/pixeledu-engine.js"); // of their worker
    const urls = [...loaded, ...figures, location.href].filter((url) => url.startsWith(root)); // the page last
    for (const url of new Set(urls.map((url) => url.split("#")[0]))) {
      if (url !== LIST) await keep([url]).catch(() => {}); // what fails is kept at the next visit
    }
    const [list, kept] = [await freshList(), await keptList()];
    if (kept && kept.version !== list.version) await keepBook();
    else await tidy(list);
  }

  const size = ({ bytes }) => `${(bytes / 1e6).toFixed(1)} MB`;

  /** The button of the front page. */
  async function offerBook(place) {
    const [button, says] = [place.querySelector("button"), place.querySelector("[role=status]")];
    let kept = await keptList();
    const show = (list) => {
      button.disabled = false;
      button.textContent = kept ? "Remove it" : `Keep this book on this device (${size(list)})`;
      says.textContent = kept ? `This book is kept on this device (${size(kept)}).` : "";
      place.hidden = false;
    };
    button.onclick = async () => {
      button.disabled = true;
      try {
        if (kept) {
          await caches.delete("pixel-by-pixel");
          kept = undefined;
        } else {
          kept = await keepBook((done, all) => (says.textContent = `${done} of ${all} files`));
        }
        show(await freshList());
      } catch (error) {
        button.disabled = false;
        says.textContent = `Not all of it could be loaded. Press again to go on. (${error.message})`;
      }
    };
    show(kept ?? (await freshList()));
  }

  if (published && isSecureContext && "serviceWorker" in navigator) {
    // Some browsers refuse in a private window: then the page is read, and not kept.
    addEventListener("load", () => keepThisPage().catch(() => {}));
    const place = document.querySelector(".keep-book");
    if (place) offerBook(place).catch(() => {});
  }
})();
