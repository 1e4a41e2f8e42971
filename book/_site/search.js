// The search page: what it shows of a page is its text, and a word with a slip in it is understood as
// the word of the glossary or of a title that is nearest to it.

/** How many letters must be changed, added, dropped or swapped to make one word of another. */
function slips(a, b) {
  const rows = [[...Array(b.length + 1).keys()]];
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.length][b.length];
}

/** The word that was meant: itself if the book has it, or any of its parts. */
function meant(word, { terms, titleterms, indexentries, alltitles }) {
  const stem = new Stemmer().stemWord(word);
  const found = Object.hasOwn(terms, stem) || Object.hasOwn(titleterms, stem);
  if (found || word.length < 5 || Object.keys(terms).some((term) => term.includes(word))) return word;
  const named = [...Object.keys(indexentries), ...Object.keys(alltitles)].join(" ").toLowerCase();
  const words = [...new Set(named.match(/[a-z]{4,}/g))];
  const most = word.length < 8 ? 1 : 2;
  const near = words.map((one) => [slips(word, one), one]).filter(([count]) => count <= most);
  near.sort(([a], [b]) => a - b);
  return near[0]?.[1] ?? word;
}

/** The text of a page, or of the part at an anchor; with a term of the glossary, what it means. */
function textOf(page, anchor) {
  const parsed = new DOMParser().parseFromString(page, "text/html");
  const article = parsed.querySelector("article.bd-article") ?? parsed.body;
  for (const part of article.querySelectorAll(".headerlink, script, style, pixeledu-widget, .toctree-wrapper")) {
    part.remove();
  }
  const place = anchor && parsed.getElementById(decodeURIComponent(anchor.slice(1)));
  if (!place) return article.textContent;
  return place.matches("dt") ? `${place.textContent}: ${place.nextElementSibling?.textContent}` : place.textContent;
}

const { query } = Search;
Search.htmlToText = textOf;
Search.query = (asked) => {
  const words = splitQuery(asked.toLowerCase());
  const understood = words.map((word) => meant(word, Search._index)).join(" ");
  if (understood === words.join(" ")) return query(asked);
  const note = document.createElement("p");
  note.setAttribute("role", "status");
  note.textContent = `Nothing has “${asked}”. This is what has “${understood}”.`;
  Search.status.before(note);
  query(understood);
};
