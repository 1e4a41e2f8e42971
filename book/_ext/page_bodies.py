"""What is changed in the text of each page: the set-up is folded, and lines of code can be wrapped."""

import re
from collections.abc import Iterable

from docutils import nodes
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Punctuation, Text, Whitespace
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

SETUP_PROMPT = "Set-up: gets the package where it is missing"
# Code, and not what code has printed.
CODE = re.compile(
    r'(<div class="highlight-(?!myst-ansi)[\w-]+ notranslate"[^>]*><div class="highlight"><pre>)'
    r"(.*?)</pre>",
    re.DOTALL,
)


# What has the colour of the text around it.
PLAIN = (Name, Punctuation, Whitespace)


def setup(app: Sphinx) -> dict:
    PygmentsBridge.html_formatter = FewElements
    app.connect("doctree-read", _fold_setup)
    app.connect("html-page-context", _mark_lines)
    return {"version": "1", "parallel_read_safe": True}


class FewElements(HtmlFormatter):
    """Code in which only what has a colour of its own is an element.

    Half of all elements of a chapter were plain words of code, and a phone is slow to lay them out.
    """

    def format_unencoded(self, tokensource: Iterable[tuple], outfile) -> None:
        """Write the tokens of a piece of code as HTML."""
        few = ((Text if kind in PLAIN else kind, words) for kind, words in tokensource)
        super().format_unencoded(few, outfile)


def _fold_setup(app: Sphinx, doctree: nodes.document) -> None:
    """Fold the cell that installs the package: a reader of the site needs it last."""
    for cell in doctree.findall(nodes.container):
        if "tag_setup" in cell["classes"]:
            cell["hide_mode"] = "input"
            cell["prompt_show"] = cell["prompt_hide"] = SETUP_PROMPT


def _mark_lines(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    context["body"] = with_lines(context.get("body", ""))


def with_lines(body: str) -> str:
    """A page on which each line of code is an element, so that a phone can wrap and mark it.

    No element of Pygments spans two lines: it closes them where a line ends.
    """

    def marked(block: re.Match) -> str:
        *lines, last = block[2].split("\n")
        spans = (f'<span class="line">{line}\n</span>' for line in lines)
        return f"{block[1]}{''.join(spans)}{last}</pre>"

    return CODE.sub(marked, body)
