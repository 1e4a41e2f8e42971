"""The theme's icon fonts without the icons that the site does not show: they were most of a page."""

import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FONTS = "vendor/fontawesome/webfonts"
WHOLE = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static" / FONTS
CLASS = re.compile(r"\bfa-[a-z0-9-]+")
RULE = re.compile(r'(?:\.fa-[\w-]+::?before,?)+\{content:"(\\[0-9a-f]+|.)"\}')  # what a class shows
ESCAPE = re.compile(r"\\([ef][0-9a-f]{3})\b")
PRIVATE = re.compile("[\ue000-\uf8ff]")  # where icons have their numbers


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", _cut)
    return {"version": "1", "parallel_read_safe": True}


def _cut(app: Sphinx, failure: Exception | None) -> None:
    """Write each font anew with the icons in use, in place of the copy that the theme has made."""
    if failure or app.builder.format != "html":
        return
    site = Path(app.outdir)
    icons = icons_in_use(site)
    for copied in sorted((site / "_static" / FONTS).glob("*.woff2")):
        write_subset(WHOLE / copied.name, copied, icons)


def icons_in_use(site: Path) -> set[int]:
    """Find the numbers of all icons that pages and scripts name or style sheets show.

    Raises:
        ExtensionError: the style sheets say what no icon shows; the theme has changed its ways.
    """
    pages = "".join(_texts(site, "*.html")) + "".join(_texts(site, "*.js"))
    named, shown, icons = set(CLASS.findall(pages)), {}, set()
    for style in map(_unescaped, _texts(site, "*.css")):
        for rule in RULE.finditer(style):
            shown |= dict.fromkeys(CLASS.findall(rule[0]), rule[1])
        icons |= set(PRIVATE.findall(RULE.sub("", style)))
    if len(shown) < 1000:
        raise ExtensionError(f"the style sheets say of {len(shown)} icons what they show")
    icons |= {shown[name] for name in named & set(shown)}
    return {ord(icon) for icon in icons if len(icon) == 1}


def _texts(site: Path, pattern: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(site.rglob(pattern))]


def _unescaped(style: str) -> str:
    """Write `\\f0c9` as the character that it stands for."""
    return ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), style)


def write_subset(source: Path, target: Path, icons: set[int]) -> None:
    """Write a font with some of its icons, compressed as a page wants it (WOFF2)."""
    with TTFont(source, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(subset.Options(layout_features=[]))
        cutter.populate(unicodes=icons)
        cutter.subset(font)
        font.flavor = "woff2"
        font.save(target)
