"""Cells of notebooks as plain JSON: their text, and what our metadata says of them."""

# Between the cells of one answer. A form feed is white space to Python, and in nobody's cell.
CELL_BREAK = "\n\f\n"


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
