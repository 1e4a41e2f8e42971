"""The house keeps its plan: what a student reads in an evening, and which room imports which."""

import ast
import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import pixeledu
from pixeledu import registry
from pixeledu.layers.diagonal_bilstm import one_direction
from pixeledu.layers.row_lstm import row_scan
from pixeledu.web import kinds

PACKAGE = Path(pixeledu.__file__).parent
# What a student reads, from the top: a room imports only from the rooms above it, but for `fast`,
# whose kernels a layer asks for behind one line.
EVENING = (
    "checks",
    "masks",
    "steps",
    "conditions",
    "layers",
    "outputs",
    "models",
    "likelihood",
    "sampling",
    "inspection",
    "causality",
)
KERNELS_KNOW = ("masks", "steps", "conditions", "fast")


def files_of(room):
    path = PACKAGE / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def rooms_imported_by(file):
    text = file.read_text(encoding="utf-8")
    found = re.findall(r"^\s*(?:from|import) pixeledu(?:\.(\w+))?(?: import (\w+))?", text, re.M)
    return {room or name for room, name in found}


def test_the_evening_has_at_most_2500_lines():
    files = [file for room in EVENING for file in files_of(room)]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 2500


def test_a_room_of_the_evening_imports_only_from_rooms_above_it():
    for place, room in enumerate(EVENING):
        above = {*EVENING[: place + 1], "fast"}
        if room == "causality":
            above.add("reports")  # what it finds, with a map
        for file in files_of(room):
            assert rooms_imported_by(file) <= above, file


def test_kernels_know_nothing_of_the_layers_they_compute():
    for file in files_of("fast"):
        assert rooms_imported_by(file) <= set(KERNELS_KNOW), file


def test_measuring_and_drawing_know_nothing_of_several_processes():
    for room in EVENING:
        for file in files_of(room):
            assert "distributed" not in file.read_text(encoding="utf-8"), file


def test_python_and_the_page_know_the_same_kinds_of_model():
    assert tuple(kinds.KINDS) == registry.KINDS


@pytest.mark.parametrize("function", [row_scan, one_direction])
def test_what_a_chapter_prints_of_the_package_fits_its_page(function):
    assert max(map(len, inspect.getsource(function).splitlines())) <= 76


def test_every_import_of_the_package_can_be_had_also_those_inside_functions():
    missing = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or (node.module or "")[:8] != "pixeledu":
                continue
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names):
                submodule = f"{node.module}.{name}"
                if not hasattr(module, name) and not importlib.util.find_spec(submodule):
                    missing.append(f"{file}: {submodule}")
    assert missing == []
