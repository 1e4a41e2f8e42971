"""No check depends on a clock: `make test` passes on a machine that is new, busy or slow.

A comparison of two times, or a time limit that a slow machine meets, passes for years and then fails
for somebody else. What is to be fast is measured by the benchmarks; tests count what is done.
"""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "book" / "tools"))
from execute import all_notebooks  # noqa: E402

CLOCKS = {"perf_counter", "process_time", "thread_time", "monotonic", "time", "clock_gettime"}
CLOCKS |= {f"{clock}_ns" for clock in CLOCKS} | {"importtime", "ru_utime", "ru_stime"}
PATIENT = 600  # seconds: of something that takes a few
# What is tested there are time limits: they are the grader's, and it says so when one is met.
ABOUT_LIMITS = ROOT / "tests" / "course"
TESTS = [path for path in sorted(ROOT.glob("tests/**/*.py")) if ABOUT_LIMITS not in path.parents]
NOTEBOOKS = all_notebooks(ROOT / "book")


def clocks_of(code: str) -> list[str]:
    """Name the lines of Python code that depend on a clock."""
    found = []
    for node in ast.walk(ast.parse(code)):
        line = f"line {getattr(node, 'lineno', 0)}"
        match node:
            case ast.Attribute(attr=name) if name in CLOCKS - {"time"}:
                found.append(f"{line}: {name}")
            case ast.Attribute(attr="time", value=ast.Name(id="time")):
                found.append(f"{line}: time.time")
            case ast.ImportFrom(module="time", names=names):
                found += [f"{line}: {name.name}" for name in names if name.name in CLOCKS]
            case ast.keyword(arg="timeout", value=ast.Constant(value=limit)) if limit < PATIENT:
                found.append(f"line {node.value.lineno}: a limit of {limit} seconds")
            case ast.keyword(arg="deadline", value=value) if ast.unparse(value) != "None":
                found.append(f"line {value.lineno}: a deadline for an example")
    return found


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_test_depends_on_a_clock(path):
    assert clocks_of(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_depends_on_a_clock(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            code = re.sub(r"^(\s*)[%!](?:.*\\\n)*.*$", r"\1pass", cell.source, flags=re.MULTILINE)
            assert clocks_of(code) == [], cell.source
            assert not re.search(r"^\s*%+time", cell.source, re.MULTILINE), cell.source


@pytest.mark.parametrize(
    "code",
    [
        "import time\nstarted = time.perf_counter()",
        "from time import monotonic",
        "import time\nassert time.time() - started < 60",
        "run(['python'], timeout=60)",
        "@settings(deadline=200)\ndef test(): ...",
        "resource.getrusage(resource.RUSAGE_SELF).ru_utime",
    ],
)
def test_each_kind_of_clock_is_found(code):
    assert len(clocks_of(code)) == 1


@pytest.mark.parametrize(
    "code",
    ["import time\ntime.sleep(1)", "run(timeout=600)", "settings(deadline=None)", "time = 3"],
)
def test_what_waits_without_a_limit_is_left_alone(code):
    assert clocks_of(code) == []
