// The figures' scripts are the largest part of a page, so they come after its first picture.
const afterPaint = (work) => requestAnimationFrame(() => setTimeout(work));

afterPaint(() => {
  for (const { src } of document.querySelectorAll('script[data-after="paint"]')) {
    document.head.append(Object.assign(document.createElement("script"), { src, async: false }));
  }
});

// What is wider than the page scrolls, and its edge fades where more of it is to be seen. Only then is a
// formula or a picture a stop of the Tab key, from which the arrow keys scroll it; the theme does that
// for tables and code.
const ours = "div.math, .cell_output:has(> img.labelled)";
const wide = [...document.querySelectorAll(`${ours}, .pst-scrollable-table-container, .highlight > pre`)];

function showEdges(elements) {
  // All is measured before anything is changed: else the page would be laid out for each of them.
  const rooms = elements.map((e) => [e.scrollLeft, e.scrollWidth - e.clientWidth - e.scrollLeft]);
  elements.forEach((element, i) => {
    const [left, right] = rooms[i];
    element.classList.toggle("more-left", left > 1);
    element.classList.toggle("more-right", right > 1);
    if (!element.matches(ours)) return;
    if (left > 1 || right > 1) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  });
}

const showAllEdges = () => showEdges(wide);
addEventListener("load", () => afterPaint(showAllEdges)); // the page is laid out then
addEventListener("resize", showAllEdges);
addEventListener("toggle", showAllEdges, true); // a fold has been opened
for (const element of wide) {
  element.addEventListener("scroll", () => showEdges([element]), { passive: true });
}

// On paper all folds are open, the page is light, and no picture is still to come.
const forPaper = [];

addEventListener("beforeprint", () => {
  const page = document.documentElement;
  const { theme } = page.dataset;
  page.dataset.theme = "light";
  forPaper.push(() => (page.dataset.theme = theme));
  for (const fold of document.querySelectorAll("details:not([open])")) {
    fold.open = true;
    forPaper.push(() => (fold.open = false));
  }
  for (const picture of document.querySelectorAll("img[loading=lazy]")) picture.loading = "eager";
});
addEventListener("afterprint", () => {
  for (const undo of forPaper.splice(0)) undo();
});

// The search page shows a line of each page it finds. From a folder a browser lets it fetch none.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// *Paint* on the front page takes up the pen as well.
document.querySelector('.ways-in a[href="#paint"]')?.addEventListener("click", () => {
  const buttons = [...document.querySelectorAll("#paint button")];
  buttons.find((button) => button.textContent === "Draw")?.click();
});
