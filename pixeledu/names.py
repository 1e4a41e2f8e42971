"""Names that are nearly right: which one was perhaps meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def hint_at(known: Iterable[str], came: str) -> str:
    """End the message about an unknown name with the known one that is nearest, if one is near.

    Returns:
        A text such as "; did you mean 'mnist'?", or "".
    """
    near = get_close_matches(came, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
