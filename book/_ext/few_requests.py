"""One style sheet instead of twelve, without what no page shows, and scripts that no page waits for."""

import posixpath
import re
import shutil
from base64 import b64encode
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import tinycss2
from icon_fonts import FONTS
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

JOINED = "_static/book.css"
STYLE = re.compile(r'[ \t]*<link\b[^>]*\brel="stylesheet"[^>]*>\n?')
HREF = re.compile(r'\bhref="([^"?]+)[^"]*"')
SCRIPT = re.compile(r'<script\b(?![^>]*\b(?:defer|async|data-after)\b)([^>]*\bsrc="[^>]*)>')
# The theme's scripts stand at the end of a page and are no hurry, and one of them is empty here
# (its icons are fonts).
NO_HURRY = re.compile(
    r'[ \t]*<link rel="preload" as="script"[^>]*>\n?'
    r'|[ \t]*<script [^>]*src="[^"]*/fontawesome\.js[^>]*></script>\n?'
)
# The theme's script chooses between light and dark too late for the first picture of a page.
THEME = (
    '<script>(page => { if (page.mode !== "light" && page.mode !== "dark") page.theme = '
    'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"; '
    "})(document.documentElement.dataset);</script>"
)
# It wants a script that waits now, and only sites of several versions use it.
PAGENAME = re.compile(r"[ \t]*<script>DOCUMENTATION_OPTIONS\.pagename = [^<]*</script>\n?")
VIEWPORT = re.compile(r'[ \t]*<meta name="viewport"[^>]*>\n?')
IMPORT = re.compile(r'@import\s+"([^"]+)";')
URL = re.compile(r"url\(\s*['\"]?(?!data:|#|https?:)([^'\")]+)['\"]?\s*\)")
WORD = re.compile(r"[\w-]+")
COMPOSED = ("bs-", "pixeledu-")  # scripts put the names of these together
OTHER = re.compile(r"/\*# sourceMappingURL=.*?\*/|@charset [^;]*;")
# Every browser that shows this site reads the first format of a font, WOFF2.
OLD_FONT = re.compile(r",\s*url\([^)]*\.(?:ttf|woff)\)\s*format\([^)]*\)")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", _change_pages, priority=600)  # the icons are chosen before
    return {"version": "1", "parallel_read_safe": True}


def _change_pages(app: Sphinx, failure: Exception | None) -> None:
    if failure or app.builder.format != "html":
        return
    site = Path(app.outdir)
    _drop_unused_files(site)
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    heads = {path: text.partition("</head>")[0] for path, text in pages.items()}
    styles = _styles_of(site, heads)
    text = "\n".join(with_own_paths(site, style) for style in styles)
    scripts = [path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.js"))]
    text = without_unused_rules(text, set(WORD.findall("\n".join([*pages.values(), *scripts]))))
    (site / JOINED).write_text(text, encoding="utf-8")
    version = sha256(text.encode()).hexdigest()[:8]
    for path, page in pages.items():
        if styles[0] in _sheets(site, path, heads[path]):
            head = new_head(heads[path], _way_up(site, path), version)
            path.write_text(head + page[len(heads[path]) :], encoding="utf-8")
    for style in styles:
        (site / style).unlink()


def _styles_of(site: Path, heads: dict[Path, str]) -> list[str]:
    """All style sheets of all pages, in the one order that every page has them in.

    Raises:
        ExtensionError: two pages load the same sheets in different orders.
    """
    lists = [_sheets(site, path, head) for path, head in heads.items()]
    longest = max(lists, key=len)
    for sheets in lists:
        if [sheet for sheet in longest if sheet in sheets] != sheets:
            raise ExtensionError(f"style sheets in another order than {longest}: {sheets}")
    return longest


def _sheets(site: Path, path: Path, head: str) -> list[str]:
    folder = path.parent.relative_to(site).as_posix()
    links = [HREF.search(link)[1] for link in STYLE.findall(head)]
    return [posixpath.normpath(posixpath.join(folder, link)) for link in links]


def _way_up(site: Path, path: Path) -> str:
    return "../" * (len(path.relative_to(site).parts) - 1)


def with_own_paths(site: Path, style: str) -> str:
    """A style sheet with what it imports, its addresses as they are seen from the joined one."""
    folder = posixpath.dirname(style)
    text = (site / style).read_text(encoding="utf-8")

    def imported(name: str) -> str:
        return with_own_paths(site, posixpath.normpath(posixpath.join(folder, name)))

    def moved(match: re.Match) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        if target.startswith(f"_static/{FONTS}/"):  # small, and icons that come late move the page
            font = b64encode((site / target).read_bytes()).decode()
            return f'url("data:font/woff2;base64,{font}")'
        return f'url("{posixpath.relpath(target, posixpath.dirname(JOINED))}")'

    text = OLD_FONT.sub("", OTHER.sub("", text))
    parts = IMPORT.split(text)  # what stands between the imports, and what they name
    parts[0::2] = [URL.sub(moved, part) for part in parts[0::2]]
    parts[1::2] = [imported(name) for name in parts[1::2]]
    return "".join(parts)


def without_unused_rules(style: str, words: set[str]) -> str:
    """A style sheet without the rules for classes that nothing names: most of the theme's.

    Args:
        style: the text of a style sheet.
        words: all words of pages and scripts; a rule stays if its classes are among them.
    """
    rules = tinycss2.parse_stylesheet(style, skip_comments=True, skip_whitespace=True)
    return "".join(_pruned(rule, words) for rule in rules)


def _pruned(rule, words: set[str]) -> str:
    if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports") and rule.content:
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        text = "".join(_pruned(one, words) for one in inner)
        condition = tinycss2.serialize(rule.prelude)
        return f"@{rule.at_keyword}{condition}{{{text}}}" if text else ""
    if rule.type != "qualified-rule":
        return rule.serialize()
    shown = [selector for selector in _selectors(rule.prelude) if _classes(selector) <= words]
    text = ",".join(tinycss2.serialize(selector).strip() for selector in shown)
    return f"{text}{{{tinycss2.serialize(rule.content).strip()}}}\n" if shown else ""


def _selectors(prelude: list) -> list[list]:
    """A list of selectors, cut at its commas."""
    found = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _classes(selector: list) -> set[str]:
    """The classes that an element must have; not those in brackets, of which it may lack some."""
    pairs = pairwise(selector)
    names = {name.value for dot, name in pairs if dot == "." and name.type == "ident"}
    return {name for name in names if not name.startswith(COMPOSED)}


def new_head(head: str, up: str, version: str) -> str:
    """The head of a page with the joined style sheet, and with scripts that let the page be drawn.

    Args:
        head: all of the page before `</head>`.
        up: the way from the page to the root of the site, such as `../`.
        version: of the joined style sheet; another one is another file to a browser.
    """
    links = STYLE.findall(head)
    joined = f'<link rel="stylesheet" href="{up}{JOINED}?v={version}" />'
    head = head.replace(links[0], f"    {THEME}\n    {joined}\n", 1)
    for link in links[1:]:
        head = head.replace(link, "", 1)
    head = SCRIPT.sub(r"<script defer\1>", NO_HURRY.sub("", PAGENAME.sub("", head)))
    viewport = VIEWPORT.search(head)
    return head[: viewport.end()] + VIEWPORT.sub("", head[viewport.end() :])


def _drop_unused_files(site: Path) -> None:
    """Delete what no page loads: maps of scripts, fonts in a second format, parts of templates."""
    static = site / "_static"
    shutil.rmtree(static / "locales", ignore_errors=True)
    for pattern in ("*.map", "*.ttf", "*webpack-macros.html"):
        for path in static.rglob(pattern):
            path.unlink()
