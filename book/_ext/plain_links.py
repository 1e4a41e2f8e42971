"""Lets a plain link lead to a term of the glossary, to an entry of the bibliography, or to a page.

A chapter is read in Colab and on GitHub too, where a role such as `term` stays a word in braces. So
it says `[mask A](reference/glossary.md#term-mask-A)`. Sphinx gives terms and entries these names in
the page; here the parser of links is told of them, and warns of a name that does not exist.

In Colab a relative link leads nowhere. Once the book has an address, its notebooks link to the pages
of the published site (`make address`), and here such a link becomes one to the file again.
"""

import posixpath
import re

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def setup(app: Sphinx) -> dict:
    """Connect the part below to Sphinx."""
    app.connect("source-read", _stay_on_this_site)
    app.connect("env-check-consistency", _tell_of_terms_and_entries)
    return {"version": "1", "parallel_read_safe": True}


def _stay_on_this_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make links to pages of the published site relative: this one may lie in a folder."""
    site = app.config.html_baseurl
    if not site:
        return

    def relative(link: re.Match) -> str:
        known = link[1] in app.env.found_docs
        ending = posixpath.splitext(app.env.doc2path(link[1]))[1] if known else ".md"
        page = posixpath.relpath(link[1], posixpath.dirname(docname))
        return f"]({page}{ending}{link[2]})"

    source[0] = re.sub(rf"\]\({re.escape(site)}([\w./-]+)\.html(#[\w.-]+|)\)", relative, source[0])


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
