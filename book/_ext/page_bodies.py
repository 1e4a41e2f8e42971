"""What is changed in the text of each page: the set-up is folded, and lines of code can be wrapped."""

import re

from docutils import nodes
from sphinx.application import Sphinx

SETUP_PROMPT = "Set-up: gets the package where it is missing"
# Code, and not what code has printed.
CODE = re.compile(
    r'(<div class="highlight-(?!myst-ansi)[\w-]+ notranslate"[^>]*><div class="highlight"><pre>)'
    r"(.*?)</pre>",
    re.DOTALL,
)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", _fold_setup)
    app.connect("html-page-context", _mark_lines)
    return {"version": "1", "parallel_read_safe": True}


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
