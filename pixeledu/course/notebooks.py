"""Notebooks as plain JSON: their cells, and what our metadata says of them."""

import json


def cell(kind: str, identity: str, source: str, metadata: dict) -> dict:
    """Make a cell in notebook format 4.5.

    Args:
        kind: "markdown" or "code".
        identity: unique in the notebook.
        source: the text.
        metadata: what is known of it, see `mark_of`.
    """
    made = {"cell_type": kind, "id": identity, "metadata": metadata, "source": _lines(source)}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def stream(text: str) -> list[dict]:
    """The outputs of a cell that has printed a text."""
    return [{"name": "stdout", "output_type": "stream", "text": _lines(text)}] if text else []


def notebook(stem: str, cells: list[dict]) -> dict:
    """Make a notebook of the exercises of a chapter."""
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            "pixeledu": {"exercises": stem},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def dump(made: dict) -> str:
    """A notebook as the text of its file, in the form that Jupyter writes."""
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def source_of(one: dict) -> str:
    """The text of a cell, whatever version of the format and whatever system it comes from."""
    source = one.get("source", one.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return ""
    # Half a character, from a broken editor, could not be sent on.
    source = source.encode("utf-8", "replace").decode("utf-8")
    return source.replace("\r\n", "\n").replace("\r", "\n")


def mark_of(one: dict) -> dict:
    """What we have noted in the metadata of a cell; {} if an editor has dropped it."""
    metadata = one.get("metadata")
    mark = metadata.get("pixeledu") if isinstance(metadata, dict) else None
    return mark if isinstance(mark, dict) else {}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
