"""Lets a plain link lead to a term of the glossary or to an entry of the bibliography.

A chapter is read in Colab and on GitHub too, where a role such as `term` stays a word in braces. So
it says `[mask A](reference/glossary.md#term-mask-A)`. Sphinx gives terms and entries these names in
the page; here the parser of links is told of them, and warns of a name that does not exist.
"""

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def setup(app: Sphinx) -> dict:
    """Connect the part below to Sphinx."""
    app.connect("env-check-consistency", _tell_of_terms_and_entries)
    return {"version": "1", "parallel_read_safe": True}


def _tell_of_terms_and_entries(app: Sphinx, env: BuildEnvironment) -> None:
    named = [
        (page, label, name)
        for name, _, kind, page, label, _ in env.get_domain("std").get_objects()
        if kind == "term"
    ]
    entries = env.get_domain("cite").citations
    named += [(entry.bibliography_key.docname, entry.citation_id, entry.key) for entry in entries]
    for page, label, name in named:
        env.metadata[page].setdefault("myst_slugs", {})[label] = (None, label, name)
