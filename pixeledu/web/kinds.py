"""The kinds of model, as Python and the page both know them: titles, and how a page builds each.

`kinds.json` has for each kind its "title", what is "computed_at_once" while it trains (the "image",
a "row" or a "diagonal"), the "first" layer and the "block" that a page builds, and how many times
`hidden` the "trunk" is wide. The order is the one in which the book meets them.
"""

import json
from pathlib import Path

KINDS: dict[str, dict] = json.loads(
    Path(__file__).with_name("kinds.json").read_text(encoding="utf-8")
)
