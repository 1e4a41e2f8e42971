"""Building the site: what is right is drawn, and whatever is wrong fails the build and is named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "tools"))
import address  # noqa: E402

TOC = "format: jb-book\nroot: book/index\n"
GOOD = r"""# A page

Inline $p(x)$, and {term}`a term`, said by {cite:t}`vandenoord2016pixel`.
[A term](index.md#term-a-term), said by [some](index.md#vandenoord2016pixel).
[From elsewhere](https://ada.github.io/book/book/index.html#term-a-term).

$$
\begin{aligned} p(\mathbf{x}) &= \prod_i p(x_i \mid x_{<i}) \end{aligned}
$$ (eq:product)

See {eq}`eq:product`.

:::{glossary}
a term
  What it means.

Row LSTM
  A layer. 行LSTM，也叫 掩码卷积。
:::

```{bibliography}
```
"""
# What stands on the page, and what the build must say of it.
FAULTS = {
    r"$\notacommand{x}$": r"Undefined control sequence: \notacommand",
    "{term}`never explained`": "never explained",
    "{cite:t}`nobody1900`": "nobody1900",
    "{doc}`nowhere`": "nowhere",
    "[a link](missing.md)": "missing.md",
    "{eq}`eq:none`": "eq:none",
    "[no term](index.md#term-none)": "term-none",
    # The same once the book has an address.
    "[gone](https://ada.github.io/book/book/gone.html)": "gone.md",
    "[none](https://ada.github.io/book/book/index.html#term-gone)": "term-gone",
}


@pytest.fixture
def build(tmp_path):
    """Build a book of one page with the settings of the project's own."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for name in ("_ext", "_site", "_root", "_templates"):
        shutil.copytree(ROOT / "book" / name, tmp_path / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", tmp_path / "book")
    (tmp_path / "pixeledu").symlink_to(ROOT / "pixeledu")
    (tmp_path / "_toc.yml").write_text(TOC)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")

    def run(page: str) -> subprocess.CompletedProcess:
        (tmp_path / "book" / "index.md").write_text(page)
        command = [jupyter_book, "build", ".", "-W", "-n", "--keep-going"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_a_page_without_faults_is_built_with_formulas_address_and_chinese_names(build, tmp_path):
    publish(tmp_path)
    done = build(GOOD)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "_build" / "html"
    page = (site / "book" / "index.html").read_text()
    assert page.count('class="katex-html"') == 2
    assert "pixeledu-widgets.js" not in page  # no widget, no script
    assert '<a class="reference internal" href="#term-a-term">' in page
    assert "From elsewhere" in page
    assert '"https://ada.github.io/book/book/index.html#term-a-term"' not in page
    says_where_it_is_published(site, page)
    finds_terms_by_their_chinese_names(site)


def publish(folder: Path) -> None:
    settings = folder / "_config.yml"
    settings.write_text(settings.read_text().replace(address.show(), "https://github.com/Ada/book"))


def says_where_it_is_published(site: Path, page: str) -> None:
    assert 'rel="canonical" href="https://ada.github.io/book/book/index.html"' in page
    assert 'href="https://github.com/Ada/book"' in page
    for name, content in {
        "og:url": "https://ada.github.io/book/book/index.html",
        "og:title": "A page",
        "og:image": "https://ada.github.io/book/_static/preview.png",
    }.items():
        assert f'<meta property="{name}" content="{content}" />' in page
    with Image.open(site / "_static" / "preview.png") as preview:
        assert preview.size == (1200, 630)
    assert (
        "<loc>https://ada.github.io/book/book/index.html</loc>"
        in (site / "sitemap.xml").read_text()
    )
    assert '<base href="/book/">' in (site / "404.html").read_text()


def finds_terms_by_their_chinese_names(site: Path) -> None:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    entries = index["indexentries"]
    for name in ("行lstm", "掩码卷积", "也叫"):
        assert entries[name] == [[0, "term-Row-LSTM", False]]


def test_without_an_address_nothing_links_to_one(build, tmp_path):
    settings = tmp_path / "_config.yml"
    unset = f"https://github.com/{address.PLACEHOLDER_OWNER}/pixeledu"
    settings.write_text(settings.read_text().replace(address.show(), unset))
    assert build("# A page").returncode == 0
    site = tmp_path / "_build" / "html"
    for page in site.rglob("*.html"):
        assert address.PLACEHOLDER_OWNER not in page.read_text(), page
        assert "og:" not in page.read_text(), page
    assert not (site / "sitemap.xml").exists()
    assert (site / ".nojekyll").exists()  # GitHub Pages would drop _static


def test_every_fault_on_a_page_fails_the_build_and_is_named(build, tmp_path):
    publish(tmp_path)
    done = build("# A page\n\n" + "\n\n".join(FAULTS))
    assert done.returncode != 0
    for fault, message in FAULTS.items():
        assert message in done.stderr, fault
