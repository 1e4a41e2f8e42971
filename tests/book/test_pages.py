"""How the pages of the site are changed after Sphinx has made them: nothing is lost on the way."""

import html
import re
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pygments.styles import get_style_by_name
from pygments.token import Text
from sphinx.highlighting import PygmentsBridge

sys.path.append(str(Path(__file__).parents[2] / "book" / "_ext"))
from few_requests import new_head, with_own_paths, without_unused_rules
from page_bodies import PLAIN, FewElements, with_lines
from picture_sizes import is_chart, with_sizes

HIGHLIGHT = PygmentsBridge("html", "default").highlight_block
PIECES = ["x = 1", "\n", '"""', "# why", "def f(a):", "    ", "'", "\\", "<b>&", "f'{x}'", "\t"]


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page))


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_lines_of_code_become_elements_that_hold_the_same_text(source):
    block = HIGHLIGHT(source, "python", force=True)
    page = f'<p>before</p><div class="highlight-python notranslate">{block}</div><p>after</p>'
    marked = with_lines(page)
    assert text_of(marked) == text_of(page)
    inside = re.search(r"<pre>(.*)</pre>", marked, re.DOTALL)[1]
    for line in re.findall(r'<span class="line">(.*?)\n</span>', inside, re.DOTALL):
        assert "\n" not in line
        assert line.count("<span") == line.count("</span>")
    assert inside.count('<span class="line">') == inside.count("\n")


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_plain_words_of_code_are_no_elements_and_all_else_is_as_before(source):
    bridge = PygmentsBridge("html", "default")
    before = bridge.highlight_block(source, "python", force=True)
    bridge.formatter = FewElements
    after = bridge.highlight_block(source, "python", force=True)
    assert text_of(after) == text_of(before)
    plain = r'<span class="(?:n|p|w)">([^<]*)</span>'
    assert re.sub(plain, r"\1", before) == after


@pytest.mark.parametrize("style", ["a11y-high-contrast-light", "a11y-high-contrast-dark"])
def test_plain_words_of_code_have_the_colour_of_what_stands_around_them(style):
    looks = [get_style_by_name(style).style_for_token(kind) for kind in (Text, *PLAIN)]
    assert all(look == looks[0] for look in looks)


def test_what_code_has_printed_keeps_its_columns():
    page = (
        '<div class="output stream highlight-myst-ansi notranslate"><div class="highlight">'
        "<pre>a  b\n1  2\n</pre></div></div>"
    )
    assert with_lines(page) == page


STYLE = """
.used, .unused { color: red }
.unused { color: blue }
.used .bs-tooltip-top { color: green }
.used:not(.unused) { margin: 0 }
p > a:hover { top: 1px }
@media (max-width: 600px) { .unused { left: 0 } .used { right: 0 } }
@media print { .unused { left: 0 } }
@font-face { font-family: "A"; src: url(a.woff2) }
"""


def test_a_rule_stays_exactly_if_something_can_have_its_classes():
    left = re.sub(r"\s+", "", without_unused_rules(STYLE, {"used"}))
    assert left == (
        ".used{color:red}.used.bs-tooltip-top{color:green}.used:not(.unused){margin:0}"
        "p>a:hover{top:1px}@media(max-width:600px){.used{right:0}}"
        '@font-face{font-family:"A";src:url(a.woff2)}'
    )


def test_a_joined_style_sheet_finds_what_its_parts_found(tmp_path):
    (tmp_path / "_static" / "deep").mkdir(parents=True)
    (tmp_path / "_static" / "basic.css").write_text("a { background: url(file.png) }")
    deep = tmp_path / "_static" / "deep" / "theme.css"
    deep.write_text(
        '@charset "utf-8";@import "../basic.css";'
        "b { src: url('../fonts/a.woff2') format('woff2'), url(../fonts/a.ttf) format('truetype') } c { src: url(data:image/png;base64,AA==) }"
    )
    joined = with_own_paths(tmp_path, "_static/deep/theme.css")
    assert joined == (
        'a { background: url("file.png") }'
        "b { src: url(\"fonts/a.woff2\") format('woff2') } c { src: url(data:image/png;base64,AA==) }"
    )


HEAD = """<head>
    <meta name="viewport" content="width=device-width" /><meta name="viewport" content="a" />
    <link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />
    <link rel="stylesheet" href="../_static/site.css?v=2" />
    <link rel="stylesheet" href="../_static/pixeledu-widgets.css?v=3" />
    <script>let toggleHintShow = 'Click to show';</script>
    <script defer src="../_static/scripts/fontawesome.js?digest=5"></script>
    <link rel="preload" as="script" href="../_static/scripts/bootstrap.js?digest=5" />
    <script src="../_static/doctools.js?v=4"></script>
    <script data-after="paint" src="../_static/pixeledu-widgets.js" type="text/plain"></script>
    <script defer="defer" src="../_static/site.js"></script>
    <script>DOCUMENTATION_OPTIONS.pagename = 'book/index';</script>
"""


def test_a_page_loads_one_style_sheet_and_waits_for_no_script():
    head = new_head(HEAD, "../", "abc")
    styles = re.findall(r'rel="stylesheet" href="([^"]*)"', head)
    assert styles == ["../_static/book.css?v=abc"]
    assert re.findall(r"<script[^>]*src[^>]*>", head) == [
        '<script defer src="../_static/doctools.js?v=4">',
        '<script data-after="paint" src="../_static/pixeledu-widgets.js" type="text/plain">',
        '<script defer="defer" src="../_static/site.js">',
    ]
    assert "toggleHintShow" in head
    assert "preload" not in head
    assert head.index("prefers-color-scheme") < head.index("book.css")  # before it is drawn
    assert head.count("viewport") == 1


@pytest.fixture
def pictures(tmp_path):
    """A chart and a picture of pixels."""
    (tmp_path / "_images").mkdir()
    chart = Image.new("RGB", (40, 30), "white")
    chart.paste("#1f77b4", (0, 15, 40, 17))
    chart.save(tmp_path / "_images" / "chart.png")
    Image.new("RGB", (28, 14), "black").save(tmp_path / "_images" / "digit.png")
    return tmp_path


def test_every_picture_has_its_size_and_a_chart_is_told_from_pixels(pictures):
    tags = [
        '<img alt="a" src="_images/chart.png" />',
        '<img alt="unlabelled" src="_images/digit.png" />',
        '<img class="unlabelled" alt="b" src="_images/digit.png" />',
    ]
    chart, digit, row = with_sizes("\n".join(tags), pictures).splitlines()
    size = 'width="40" height="30"'
    assert chart == (
        f'<img {size} style="--natural: 40px" class="labelled chart" alt="a" '
        'src="_images/chart.png" />'
    )
    size = 'width="28" height="14"'
    assert digit == (
        f'<img {size} style="--natural: 28px" class="labelled" alt="unlabelled" '
        'src="_images/digit.png" />'
    )
    assert row == (  # the third of its page
        f'<img {size} loading="lazy" class="unlabelled" alt="b" src="_images/digit.png" />'
    )
    assert is_chart(pictures / "_images" / "chart.png")
    assert not is_chart(pictures / "_images" / "digit.png")


def test_a_picture_with_two_dots_for_a_pixel_has_its_size_on_the_page_and_keeps_its_proportions(
    tmp_path,
):
    (tmp_path / "_images").mkdir()
    sharp = Image.new("RGB", (28, 14), "black")
    sharp.save(tmp_path / "_images" / "sharp.png", dpi=(200, 200))
    tag = '<img alt="b" src="_images/sharp.png" style="width: 14px; height: 7px;" />'
    expected = (
        '<img width="14" height="7" style="--natural: 14px" class="labelled" alt="b" '
        'src="_images/sharp.png" />'
    )
    assert with_sizes(tag, tmp_path) == expected


def test_only_pictures_far_down_load_late(pictures):
    page = with_sizes('<img alt="b" src="_images/digit.png" />\n' * 4, pictures)
    assert ['loading="lazy"' in line for line in page.splitlines()] == [False, False, True, True]


def test_a_picture_inside_the_page_has_its_size_too(pictures):
    file = b64encode((pictures / "_images" / "digit.png").read_bytes()).decode()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="334" height="20"></svg>'
    drawn = f"data:image/svg+xml,{quote(svg)}"
    for source, size in ((f"data:image/png;base64,{file}", (28, 14)), (drawn, (334, 20))):
        width, height = size
        tag = f'<img width="{width}" height="{height}" src="{source}">'
        assert with_sizes(f'<img src="{source}">', pictures) == tag


def test_a_size_that_is_given_stays(pictures):
    given = '<img width="5" height="5" alt="b" src="_images/digit.png" />'
    assert with_sizes(given, pictures) == given
