"""The search leads to the glossary, also from the Chinese name of a term and from a word with a slip in it."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

HAN = "\u3400-\u9fff"
CHINESE = re.compile(rf"[A-Za-z]*[{HAN}][A-Za-z{HAN}]*")  # also with a name in it, such as 行LSTM


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", _index_chinese)
    return {"version": "1", "parallel_read_safe": True}


def _index_chinese(app: Sphinx, doctree: nodes.document) -> None:
    """Make an entry of the index of each Chinese name: the search compares parts of entries.

    In the text it would find whole words alone, and Chinese does not part its words.
    """
    for item in doctree.findall(nodes.definition_list_item):
        term = next(iter(item.findall(nodes.term)), None)
        if term is None or not term["ids"] or not isinstance(item.parent.parent, addnodes.glossary):
            continue
        names = dict.fromkeys(CHINESE.findall(item.astext()))
        entries = [("single", name, term["ids"][0], "", None) for name in names]
        term.append(addnodes.index(entries=entries))
