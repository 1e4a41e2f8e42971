"""What the tables of speed share: the models, the command line, and how time grows with a size."""

import argparse
import json
import time
from collections.abc import Callable, Iterator

import timing
import torch
import work

HIDDEN = {"pixelcnn": 64, "row-lstm": 16, "diagonal-bilstm": 16, "gated-pixelcnn": 64}
LAYERS = 7


def parser(description: str, tables: dict[str, Callable]) -> argparse.ArgumentParser:
    """Make the command line that the tables share."""
    shared = timing.parser(description, rounds=7)
    shared.add_argument("table", choices=tables)
    shared.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    shared.add_argument("--models", nargs="+", choices=HIDDEN, default=list(HIDDEN))
    shared.add_argument("--minutes", type=float, default=60, help="begin no model after these")
    return shared


def base(options: argparse.Namespace) -> tuple[int, int]:
    """Return how many images a batch has, and the side of an image in pixels."""
    if options.rehearse:
        return 2, 4
    return (256 if options.device.type == "cuda" else 16), 28


def config_of(options: argparse.Namespace, name: str) -> dict:
    """Return the configuration of a model of the tables."""
    hidden, layers = (2, 1) if options.rehearse else (HIDDEN[name], LAYERS)
    return {"model": name, "channels": 1, "levels": 2, "hidden": hidden, "layers": layers}


def in_time(options: argparse.Namespace) -> Iterator[str]:
    """Go through the models as long as there is time; each table is written after each of them."""
    end = time.monotonic() + 60 * options.minutes
    for name in options.models:
        if time.monotonic() > end:
            print(f"No time is left for {name}.")
            return
        yield name


def earlier(options: argparse.Namespace, table: str) -> dict:
    """Load what was measured of the other models, where only some are to be measured again."""
    nothing = {"rows": [], "tasks": {}, "exponents": {}}
    if options.out is None or set(options.models) == set(HIDDEN):
        return nothing
    path = options.out / f"{table}_{options.device.type}.json"
    record = nothing | (json.loads(path.read_text()) if path.exists() else {})
    record["rows"] = [row for row in record["rows"] if row["model"] not in options.models]
    return record


def save(options: argparse.Namespace, table: str, rows: list[dict], **settings) -> None:
    """Write the rows of a table in the order of the models."""
    images, size = base(options)
    rows.sort(key=lambda row: list(HIDDEN).index(row["model"]))
    settings = {"images": images, "size": size, "layers": LAYERS, "hidden": HIDDEN} | settings
    timing.save(f"{table}_{options.device.type}", rows, options.out, **settings)


def growth(options: argparse.Namespace, table: str, measure: Callable) -> None:
    """Measure each model with one size changed at a time, and fit an exponent to each size.

    Args:
        measure: takes a configuration, a number of images and their side; returns a row with "ms".
    """
    record = earlier(options, table)
    rows, exponents = record["rows"], record["exponents"]
    for name in in_time(options):
        exponents[name] = {}
        for what, values in grown_sizes(options, config_of(options, name)).items():
            images, size = base(options)
            usual = {**config_of(options, name), "batch": images, "size": size}
            measured = []
            for value in values:
                config = {**usual, what: value}
                images, size = config.pop("batch"), config.pop("size")
                row = {"model": name, "grows": what, "value": value}
                measured.append(row | measure(config, images, size))
            rows += measured
            times = [row["ms"] for row in measured]
            exponents[name][what] = work.exponent(values, times)
        save(options, table, rows, exponents=exponents)
    timing.show(rows)


def grown_sizes(options: argparse.Namespace, config: dict) -> dict[str, list[int]]:
    """List the values that each size takes while the others stay."""
    if options.rehearse:
        return {"batch": [1, 2], "size": [2, 4], "hidden": [2, 4], "layers": [1, 2]}
    return {
        "batch": [64, 256, 1024] if options.device.type == "cuda" else [1, 4, 16, 64],
        "size": [14, 28, 56],
        "hidden": [config["hidden"] * times // 2 for times in (1, 2, 4)],
        "layers": [2, 4, 7, 14],
    }
