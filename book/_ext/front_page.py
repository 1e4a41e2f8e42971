"""What the front page shows: a model that draws, the chapters, and what the project says of itself."""

import html
import re
from pathlib import Path

import yaml
from chapter_pictures import MODEL, painted_top, picture_of
from docutils import nodes
from docutils.statemachine import StringList
from publishing import repository
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import pixeledu

ROOT = Path(__file__).parents[2]
WORDS_A_MINUTE, LINES_A_MINUTE = 200, 20  # of text and of code, read with care

_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict:
    app.add_directive("painting", Painting)
    app.add_directive("ways-in", WaysIn)
    app.add_directive("chapter-cards", ChapterCards)
    app.add_directive("citation", Citation)
    app.add_directive("newest-changes", NewestChanges)
    app.add_directive("feedback", Feedback)
    app.add_node(chapter_cards)
    app.connect("doctree-resolved", _draw_cards)
    return {"version": "1", "parallel_read_safe": True}


class Painting(SphinxDirective):
    """A trained model that ends what a finger paints: sixteen times, and begun already."""

    def run(self) -> list[nodes.Node]:
        about = "Paint the top of a digit, and see sixteen endings"
        sampler = pixeledu.LiveSampler(
            [MODEL], sixteen=True, seed=3, tool="draw", description=about
        )
        sampler.give(*painted_top())
        sampler.position = sampler.steps * 3 // 4  # what each becomes can be seen, and Play goes on
        return [nodes.raw("", f'<div id="paint">{sampler.html()}</div>', format="html")]


class WaysIn(SphinxDirective):
    """The buttons under the title; their argument is the chapter that the book begins with."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        first = self.arguments[0]
        docname = f"{self.env.docname.rpartition('/')[0]}/{first}"
        start = self.env.app.builder.get_relative_uri(self.env.docname, docname)
        ways = [("Start reading", start), ("Paint", "#paint")]
        if url := repository(self.config):
            branch = self.config.html_theme_options["repository_branch"]
            place = url.removeprefix("https://github.com/")
            colab = f"https://colab.research.google.com/github/{place}/blob/{branch}"
            ways.append(("Run in Colab", f"{colab}/{docname}.ipynb"))
        links = " ".join(f'<a href="{html.escape(link)}">{text}</a>' for text, link in ways)
        return [nodes.raw("", f'<p class="ways-in">{links}</p>', format="html")]


class chapter_cards(nodes.General, nodes.Element):
    """Stands for the cards until all chapters are read; `needs` says what each asks for."""


class ChapterCards(SphinxDirective):
    """A card for each chapter of the table of contents.

    Each line of the content is `FILE: what you need for this chapter`.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        needs = dict(re.split(r":\s+", line, maxsplit=1) for line in self.content if line.strip())
        return [chapter_cards(needs=needs)]


def _draw_cards(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(chapter_cards)):
        chapters, needs = chapters_of(app.env), dict(node["needs"])
        cards = [_card(app, docname, chapter, needs) for chapter in chapters]
        if needs:
            _log.warning("chapter-cards: no chapter is called %s", ", ".join(needs))
        node.replace_self(
            nodes.raw("", f'<ol class="chapter-cards">{"".join(cards)}</ol>', format="html")
        )


def chapters_of(env) -> list[str]:
    """The numbered pages of the table of contents, in order."""
    pages = env.toctree_includes[env.config.root_doc]
    return [page for page in pages if env.toc_secnumbers.get(page)]


def _card(app: Sphinx, docname: str, chapter: str, needs: dict[str, str]) -> str:
    name = chapter.rpartition("/")[2]
    if name not in needs:
        _log.warning("chapter-cards: %s does not say what you need for %s", docname, name)
    number = ".".join(map(str, app.env.toc_secnumbers[chapter][""]))
    title = html.escape(app.env.titles[chapter].astext())
    link = app.builder.get_relative_uri(docname, chapter)
    minutes = reading_minutes(app.env.get_doctree(chapter))
    return (
        f'<li><a href="{link}">{picture_of(chapter)}<strong>{number}. {title}</strong></a>'
        f"<span>{minutes} minutes</span> "
        f"<span>You need {html.escape(needs.pop(name, 'the chapters before'))}.</span></li>"
    )


def reading_minutes(doctree: nodes.document) -> int:
    """How long a page takes to read, in minutes, in steps of five: its words, and its code."""
    words = lines = 0
    for text in doctree.findall(nodes.Text):
        parent = text.parent
        if isinstance(parent, nodes.literal_block):
            lines += text.count("\n") + 1
        elif not isinstance(parent, nodes.raw | nodes.math | nodes.math_block | nodes.comment):
            words += len(text.split())
    return max(5, 5 * round((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5))


class Citation(SphinxDirective):
    """The entry for a bibliography, made of CITATION.cff."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / "CITATION.cff"))
        citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        text = bibtex(citation, with_address=repository(self.config) is not None)
        return [nodes.literal_block(text, text, language="bibtex")]


def bibtex(citation: dict, *, with_address: bool) -> str:
    """A citation file as an entry for BibTeX.

    Args:
        citation: what stands in CITATION.cff.
        with_address: whether the repository's address belongs into it.
    """
    names = [
        f"{{{author['name']}}}"
        if "name" in author
        else f"{author['family-names']}, {author['given-names']}"
        for author in citation["authors"]
    ]
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(names),
        "year": str(citation.get("date-released", ""))[:4],
        "version": str(citation["version"]),
        "url": citation["repository-code"] if with_address else "",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@software{pixeledu,", *lines, "}"])


class NewestChanges(SphinxDirective):
    """The newest part of CHANGELOG.md."""

    def run(self) -> list[nodes.Node]:
        path = ROOT / "CHANGELOG.md"
        self.env.note_dependency(str(path))
        text = newest_changes(path.read_text(encoding="utf-8"))
        container = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), str(path)), 0, container)
        return container.children


def newest_changes(changelog: str) -> str:
    """What stands under the first version of a changelog, its headings as bold lines."""
    newest = re.split(r"^## .*\n", changelog, flags=re.MULTILINE)[1]
    return re.sub(r"^### (.*)$", r"**\1**", newest, flags=re.MULTILINE).strip()


class Feedback(SphinxDirective):
    """A sentence with the way to tell of a mistake, once there is one."""

    def run(self) -> list[nodes.Node]:
        url = repository(self.config)
        if url is None:
            return []
        link = nodes.reference("", "Tell us", refuri=f"{url}/issues")
        return [
            nodes.paragraph(
                "", "You found a mistake, or a page is unclear? ", link, nodes.Text(".")
            )
        ]
