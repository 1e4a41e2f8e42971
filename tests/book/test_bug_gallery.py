"""The bug gallery keeps its promise: at least sixteen mistakes, each measured and repaired."""

import re
from pathlib import Path

import nbformat

CELLS = nbformat.read(
    Path(__file__).parents[2] / "book" / "14_bug_gallery.ipynb", as_version=4
).cells


def exhibits() -> list[tuple[str, str]]:
    """The title of each exhibit and all that belongs to it: text, code and what is printed."""
    parts = []
    for cell in CELLS:
        printed = "".join(output.get("text", "") for output in cell.get("outputs", []))
        parts += [cell.source, printed]
    whole = "\n".join(parts)
    pieces = re.split(r"^### (\d+\. .*)$", whole, flags=re.M)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def test_there_are_at_least_sixteen_and_they_are_numbered_through():
    numbers = [int(title.split(".")[0]) for title, _ in exhibits()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 18  # sixteen mistakes, and questions that turn out otherwise


def test_an_exhibit_that_is_trained_shows_both_numbers_and_both_verdicts():
    trained = [text for _, text in exhibits() if re.search(r"^exhibit\(", text, re.M)]
    assert len(trained) >= 7
    for text in trained:
        for name in ("found", "repaired"):
            assert re.search(rf"^  (?:as )?{name} +[\d.]+ +[\d.]+$", text, re.M)
            assert re.search(rf"^(?:as )?{name}: (?:NOT )?causal", text, re.M)


def test_what_leaks_costs_more_when_later_pixels_are_hidden_and_what_is_right_does_not():
    rows = re.findall(
        r"^  as found +([\d.]+) +([\d.]+)\n  repaired +([\d.]+) +([\d.]+)\nas found: (NOT )?causal",
        "\n".join(text for _, text in exhibits()),
        re.M,
    )
    assert len(rows) >= 7
    for one_pass, hidden, right, right_hidden, leaks in rows:
        assert abs(float(right) - float(right_hidden)) < 0.11
        if leaks:
            assert float(hidden) > float(one_pass) + 3
            assert float(hidden) > float(right)
