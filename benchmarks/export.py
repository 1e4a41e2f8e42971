"""What packing for the page costs each model that ships: `python benchmarks/export.py [NAME …]`.

Measures the model and its export on the test images that are on every machine. With names, only
those are measured again, and the rows of the others are kept.
"""

import hashlib
import json
import sys

import timing

from pixeledu import list_pretrained, load_pretrained
from pixeledu.cli.loading import load_split
from pixeledu.pretrained import pretrained_card, pretrained_file
from pixeledu.web.export import DTYPES, export_model, quantising_cost


def main(names: list[str]) -> None:
    timing.calm()
    path = timing.RESULTS / "export.json"
    kept = json.loads(path.read_text())["rows"] if names and path.exists() else []
    known = list_pretrained()
    rows = [row for row in kept if row["model"] in set(known) - set(names)]
    rows += [row for name in names or known for row in measured(name)]
    timing.report("export", sorted(rows, key=lambda row: (row["model"], row["dtype"])))


def measured(name: str) -> list[dict]:
    """One row for each type in which the weights can be stored."""
    model, card = load_pretrained(name), pretrained_card(name)
    data = card["check"]["data"]
    held_out = load_split(data, "test", model.levels, card["data"].get("smaller"))
    labels = None if model.classes is None else held_out.labels
    digest = hashlib.sha256(pretrained_file(name).read_bytes()).hexdigest()
    rows = []
    for dtype in DTYPES:
        content = export_model(model, dtype)
        cost = quantising_cost(model, content, held_out.images, labels)
        rows.append(
            {
                "model": name,
                "dtype": dtype,
                "bytes": len(content),
                "data": data,
                "images": cost["images"],
                "nats before": round(cost["before"], 4),
                "nats after": round(cost["after"], 4),
                "percent": round(cost["percent"], 4),
                "sha256": digest[:16],
            }
        )
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
