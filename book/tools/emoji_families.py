"""Put the emoji into families, so that no two near-copies come into different splits.

`python book/tools/emoji_families.py FOLDER` reads `emoji16.webp` and `emoji16.json` (classes, labels
and names) from a folder and writes `pixeledu/data/emoji/emoji16.json`, which holds families as well:
for each picture the place of the first picture of its family.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGE = Path(__file__).parents[2] / "pixeledu" / "data" / "emoji" / "emoji16.json"
NEAR = 8  # pictures that differ by less than that, in the mean over all values, are near-copies
PEOPLE = 1  # the class
GENDER = {"man", "woman", "men", "women", "male", "female", "person", "people", "mx", "mrs"}
FIGURE = {"haired", "red", "curly", "white", "bald", "blond", "hair", "facing", "right", "left"}
FIGURE |= {"older", "in", "with", "adult", "child", "boy", "girl"}
COUPLES = r"family.*|man-.*(boy|girl)|woman-.*(boy|girl)|.*-heart-.*|couple.*|.*-kiss-.*"


def families(images: np.ndarray, names: list[str], labels: list[int]) -> list[int]:
    """Return for each picture the place of the first one of its family."""
    family = list(range(len(names)))

    def join(one: int, other: int) -> None:
        first, last = sorted((family[one], family[other]))
        if first != last:
            family[:] = [first if it == last else it for it in family]

    first_of = {}
    for place, (name, label) in enumerate(zip(names, labels, strict=True)):
        join(place, first_of.setdefault(stem(name, label), place))
        # Unicode puts a man and a woman behind the person whose variants they are.
        if label == PEOPLE and place and re.match(r"(wo)?man[-_]|(fe)?male[-_]", name):
            join(place, place - 1)
    flat = images.reshape(len(images), -1).astype(np.float32)
    for place in range(1, len(flat)):
        near = np.abs(flat[:place] - flat[place]).mean(1) < NEAR
        for other in np.flatnonzero(near):
            join(place, int(other))
    return family


def stem(name: str, label: int) -> str:
    """Return what the names of variants of one figure have in common."""
    if label == PEOPLE and re.fullmatch(COUPLES, name):
        return "a family"
    if name.startswith("clock") and name[5:].isdigit():
        return "a clock"
    if name.startswith("mer"):
        return "mer"
    words = [word for word in re.split(r"[-_]", name) if word not in GENDER]
    if label == PEOPLE:
        words = [re.sub(r"(ing|ed|er|s)$", "", word) for word in words if word not in FIGURE]
    return f"{label} {' '.join(words)}" if words else "a person"


def main() -> None:
    folder = Path(sys.argv[1])
    facts = json.loads((folder / "emoji16.json").read_text(encoding="utf-8"))
    sheet = np.asarray(Image.open(folder / "emoji16.webp").convert("RGB"))
    images = sheet.reshape(40, 16, 48, 16, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 16, 16, 3)
    names, labels = facts["names"], facts["labels"]
    facts["families"] = families(images[: len(names)], names, labels)
    PACKAGE.write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
