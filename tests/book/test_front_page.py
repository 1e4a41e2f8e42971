"""What the front page makes of the project's own files."""

import sys
from pathlib import Path

from docutils import nodes
from docutils.utils import new_document

sys.path.append(str(Path(__file__).parents[2] / "book" / "_ext"))
from front_page import bibtex, newest_changes, reading_minutes

CITATION = {
    "title": "A book",
    "version": "1.2",
    "authors": [{"family-names": "Hopper", "given-names": "Grace"}, {"name": "the Eniac team"}],
    "date-released": "2026-05-01",
    "repository-code": "https://github.com/ada/book",
}
CHANGELOG = """# Changelog

Some words.

## [Unreleased]

### Added

* One thing.

## [0.1.0]

* An older one.
"""


def test_people_and_groups_are_cited_by_their_names():
    entry = bibtex(CITATION, with_address=True)
    assert "author = {Hopper, Grace and {the Eniac team}}" in entry
    assert "title = {{A book}}" in entry
    assert "year = {2026}" in entry
    assert "url = {https://github.com/ada/book}" in entry


def test_what_is_not_known_is_not_cited():
    entry = bibtex({**CITATION, "date-released": ""}, with_address=False)
    assert "year" not in entry
    assert "url" not in entry


def test_the_newest_changes_are_those_of_the_first_version():
    assert newest_changes(CHANGELOG) == "**Added**\n\n* One thing."


def page_of(words: int, lines: int) -> nodes.document:
    document = new_document("page")
    document += nodes.paragraph("", " ".join(["word"] * words))
    code = "\n".join(["x = 1"] * lines)
    document += nodes.literal_block(code, code)
    return document


def test_a_page_takes_as_long_as_its_words_and_its_code():
    assert reading_minutes(page_of(1, 1)) == 5
    assert reading_minutes(page_of(3000, 1)) == 15
    assert reading_minutes(page_of(3000, 300)) == 30
