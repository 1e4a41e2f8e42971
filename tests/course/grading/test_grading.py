"""What comes back is somebody else's code: nothing wrong passes, nothing stops the others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from classes import PRINTED, RIGHT, WRONG, cell_of, chapter, filled, handed_out

import pixeledu
from pixeledu.course.grading.grades import FAILED, NOT_ATTEMPTED, PASSED, grade_folder
from pixeledu.course.isolation.sandbox import namespaces

PACKAGE = Path(pixeledu.__file__).parent
needs_namespaces = pytest.mark.usefixtures("_namespaces")


@pytest.fixture
def _namespaces():
    assert namespaces(), "hostile code is run in namespaces only: `unshare` must work here"


@pytest.fixture
def world(tmp_path):
    """Where notebooks are handed out, and where they come back."""

    class World:
        exercises, folder = tmp_path / "exercises", tmp_path / "submissions"

        def hand_in(self, student: str, notebook: dict | str | bytes) -> None:
            path = self.folder / f"{student}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(notebook, dict):
                notebook = json.dumps(notebook)
            path.write_bytes(notebook if isinstance(notebook, bytes) else notebook.encode())

        def grade(self) -> dict[str, dict[str, tuple[str, str]]]:
            _, graded = grade_folder(self.folder, self.exercises, "01")
            return {
                one.student: {grade.task: (grade.status, grade.message) for grade in one.grades}
                for one in graded
            }

    return World()


# What an answer does -> a part of what the report must say of it. Each is a task of its own.
HOSTILE = {
    "says_it": (
        f"print({PRINTED!r}, end='')\ndef NAME(x):\n    print({PRINTED!r}, end='')",
        "tensor",
    ),
    "patches_torch": (
        """
        import builtins, sys, torch
        torch.testing.assert_close = lambda *a, **k: None
        torch.Tensor.__eq__ = lambda *a: True
        builtins.print = lambda *a, **k: sys.__stdout__.write("ok")
        def NAME(x):
            return x.cumsum(1)
        """,
        "not close",
    ),
    "patches_python": (
        """
        import builtins
        def NAME(x):
            builtins.isinstance = builtins.all = builtins.callable = lambda *a: True
            return x.cumsum(1)
        """,
        "",
    ),
    "patches_us": (
        """
        import pixeledu.course.isolation.rpc as remote, pixeledu.course.isolation.messages, gc
        from pixeledu.course.grading import answer_magic, cell_outcomes, grades as grading
        grading.PASSED = grading.FAILED = "passed"
        cell_outcomes.pytest_runtest_logreport = lambda report: None
        def NAME(x):
            for peer in gc.get_objects():
                if isinstance(peer, remote.Peer):
                    peer.connection.send("result", ["yours", 1])
                    peer.connection.send("call", 1, (), {}, True)
                    peer.connection.socket.sendall(b"\\0" * 64)
            return True
        """,
        "the check could not be done",
    ),
    "equals_all": (
        """
        class Same:
            def __eq__(self, other): return True
            def __getattr__(self, name): return Same()
            def __call__(self, *a): return Same()
        def NAME(x):
            return Same()
        """,
        "expected a tensor",
    ),
    "ends_early": ("def NAME(x):\n    raise StopIteration", "RuntimeError: StopIteration"),
    "nothing_is": ("def NAME(x):\n    return x * float('nan')", "not close"),
    "exits": ("import os\ndef NAME(x):\n    os._exit(0)", "its process ended"),
    "exits_at_once": ("import sys\nsys.exit(0)", "SystemExit"),
    "loops": ("while True:\n    pass", "its process ended"),
    "allocates": ("import torch\nhuge = torch.ones(50 * 2**28)\ndef NAME(x): return x", "allocate"),
    "allocates_more": ("huge = bytearray(50 * 2**30)\ndef NAME(x): return x", "MemoryError"),
    "forks": ("import os\nwhile True:\n    os.fork()", ""),
    "kills": (
        "import os, signal\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\ntry:\n    os.kill(-1, 9)\n"
        "except OSError:\n    pass\ndef NAME(x):\n    return x",
        "not close",
    ),
    "fills_the_disk": (
        "with open('big', 'wb') as f:\n    while True:\n        f.write(bytes(2**20))",
        "OSError",
    ),
    "calls_home": (
        "import socket\nsocket.create_connection(('127.0.0.1', 22), timeout=5)",
        "unreachable",
    ),
    "looks_around": (
        """
        import os
        def NAME(x):
            seen = []
            for folder, inside, files in os.walk("/"):
                # Python's own folders hold a hundred thousand files: a disk may be slow.
                inside[:] = [i for i in inside if i not in ("proc", "usr", "site-packages")]
                seen += [os.path.join(folder, file) for file in files]
            notebooks = [path for path in seen if path.endswith((".ipynb", "plan.json", ".jsonl"))]
            raise RuntimeError(f"{notebooks} {os.listdir('.')} {os.environ['HOME']}"
                               f" {os.listdir(os.environ['HOME'])}")
        """,
        "[] [] /home []",
    ),
    "writes": (
        """
        import os
        def NAME(x):
            said = []
            for path in ["REFERENCE", "OTHERS", "PACKAGE/course/grading/grades.py", "/usr/bin/new"]:
                try:
                    open(path, "r+" if os.path.exists(path) else "w").write("mine")
                    said.append("written")
                except OSError as error:
                    said.append(type(error).__name__)
            raise RuntimeError(" ".join(said))
        """,
        "Error",
    ),
    "is_right": (RIGHT, ""),
}


def hand_in_hostile(world, names: list[str]) -> None:
    """Two learners: one whose answers are hostile, and one who is right."""
    # Two of them use all the time they get; the others need a hundredth of theirs.
    seconds = {"loops": 1, "forks": 1}
    out = handed_out(chapter(*names, seconds=25, shorter=seconds), world.exercises)
    files = {
        "REFERENCE": str(world.exercises / "01_sums.ipynb"),
        "OTHERS": str(world.folder / "good.ipynb"),
        "PACKAGE": str(PACKAGE),
    }
    answers = {}
    for name in names:
        answers[name] = HOSTILE[name][0]
        for word, path in files.items():
            answers[name] = answers[name].replace(word, path)
    world.hand_in("hostile", filled(out, answers))
    world.hand_in("good", filled(out, dict.fromkeys(names, RIGHT)))


def check_hostile(grades: dict[str, dict[str, tuple[str, str]]]) -> None:
    """No hostile answer has passed, each report says why, and the right ones have passed."""
    assert {status for status, _ in grades["good"].values()} == {PASSED}
    for name, (status, message) in grades["hostile"].items():
        assert status == (PASSED if name == "is_right" else FAILED), (name, message)
        assert HOSTILE[name][1] in message, (name, message)
    assert "written" not in grades["hostile"]["writes"][1]


@needs_namespaces
def test_no_hostile_answer_passes_and_the_right_one_beside_them_does(world):
    hand_in_hostile(world, list(HOSTILE))
    before = {path: path.read_bytes() for path in [*world.exercises.rglob("*.*")]}
    check_hostile(world.grade())
    assert {path: path.read_bytes() for path in before} == before
    assert not (PACKAGE / "x").exists()


ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
# Should a wall not hold, the processes that an answer ends are those in here.
ALONE = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
GRADE = """
import json, sys
from pathlib import Path
import pixeledu
from pixeledu.course.grading.grades import grade_folder
_, graded = grade_folder(Path(sys.argv[1]), Path(sys.argv[2]), "01")
print(json.dumps({one.student: {its.task: [its.status, its.message] for its in one.grades} for one in graded}))
"""


@needs_namespaces
def test_an_ordinary_user_grades_hostile_answers_as_safely_as_root(world):
    # Without "forks": this user is root by another name, and for root no limit on processes holds.
    names = ["patches_us", "kills", "calls_home", "looks_around", "writes", "is_right"]
    hand_in_hostile(world, names)
    done = subprocess.run(
        [*ORDINARY, *ALONE, sys.executable, "-c", GRADE, world.folder, world.exercises],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    check_hostile(json.loads(done.stdout))


TASKS = ("one", "two", "three", "four", "five", "six")


@needs_namespaces
def test_a_wrong_answer_fails_however_its_notebook_is_dressed(world):
    out = handed_out(chapter(*TASKS), world.exercises)

    dressed = filled(out, dict.fromkeys(TASKS, WRONG))
    # Run all, and saved: the outputs are those of the wrong answer, and nbval alone would pass.
    cell_of(dressed, "one", "check")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "what the wrong answer prints"}
    ]
    # Outputs cleared, execution counts stripped: nbval alone compares nothing then.
    for task in ("two", "three"):
        cell_of(dressed, task, "check").update(outputs=[], execution_count=None)
    marked = cell_of(dressed, "three", "answer")
    marked["source"] = "# NBVAL_IGNORE_OUTPUT\n# NBVAL_RAISES_EXCEPTION\n" + marked["source"]
    for task, role in (("three", "answer"), ("three", "check"), ("four", "check")):
        cell_of(dressed, task, role)["metadata"]["tags"] = ["nbval-skip", "raises-exception"]
    cell_of(dressed, "four", "check")["source"] = f"print({PRINTED!r}, end='')"
    dressed["cells"].remove(cell_of(dressed, "five", "check"))
    dressed["cells"].append({**cell_of(dressed, "six", "check"), "source": "1"})
    world.hand_in("dressed", dressed)

    bare = filled(out, dict.fromkeys(TASKS, WRONG))
    for cell in bare["cells"]:
        cell["metadata"] = {}
    world.hand_in("bare", bare)

    world.hand_in("untouched", out)
    emptied = filled(out, dict.fromkeys(TASKS, ""))
    emptied["cells"] = [
        c for c in emptied["cells"] if c["metadata"]["pixeledu"]["role"] != "answer"
    ]
    world.hand_in("emptied", emptied)
    world.hand_in("renamed", filled(out, {"one": WRONG.replace("NAME", "other")}))

    grades = world.grade()

    for student in ("dressed", "bare"):
        for task in TASKS:
            status, message = grades[student][task]
            assert status == FAILED, (student, task)
            assert "Tensor-likes are not close" in message
    for student in ("untouched", "emptied"):
        assert {status for status, _ in grades[student].values()} == {NOT_ATTEMPTED}
    assert grades["renamed"]["one"] == (FAILED, "NameError: the answer does not define one")


@needs_namespaces
def test_a_right_answer_passes_whatever_an_editor_or_a_learner_did_to_the_notebook(world):
    out = handed_out(chapter(*TASKS), world.exercises)
    right = filled(out, dict.fromkeys(TASKS, RIGHT))

    # Moved about, from Windows, with a name that a shell would trip over.
    moved = json.loads(json.dumps(right))
    moved["cells"].reverse()
    for cell in moved["cells"]:
        source = cell["source"]
        source = source if isinstance(source, str) else "".join(source)
        cell["source"] = source.replace("\n", "\r\n")
    text = json.dumps(moved, indent=1).replace("\n", "\r\n")
    world.hand_in('O\'Brien & "co"; $(rm -rf x) ü/hand in', b"\xef\xbb\xbf" + text.encode())

    # An editor that drops all metadata.
    bare = json.loads(json.dumps(right))
    for cell in bare["cells"]:
        cell["metadata"] = {}
    bare["metadata"] = {}
    # A check that was edited, below a heading: it is not part of the answer.
    cell_of(right, "two", "check")
    edited = next(c for c in bare["cells"] if "two(x)" in "".join(c["source"]) and "ok" in str(c))
    edited["source"] = "".join(edited["source"]).replace("range(5)", "range(1)")
    world.hand_in("bare", bare)

    # Format 3, with neither metadata nor headings; an answer in two cells; checks broken.
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
    for cell in right["cells"]:
        if cell["cell_type"] == "code" and cell["metadata"]["pixeledu"]["role"] == "answer":
            old["worksheets"][0]["cells"].append(
                {"cell_type": "code", "language": "python", "input": cell["source"], "outputs": []}
            )
    world.hand_in("old", old)

    split = json.loads(json.dumps(right))
    first = cell_of(split, "one", "answer")
    at = split["cells"].index(first)
    half = {**first, "source": "import torch as hidden_helper"}
    first["source"] = "def one(x):\n    return hidden_helper.cumsum(x, 1) - x"
    split["cells"].insert(at, half)
    # What an earlier answer imports is there for a later one, as in the learner's own kernel.
    cell_of(split, "two", "answer")["source"] = (
        "def two(x):\n    return hidden_helper.cumsum(x, 1) - x"
    )
    world.hand_in("split", split)

    grades = world.grade()

    assert len(grades) == 4
    for student, tasks in grades.items():
        assert {status for status, _ in tasks.values()} == {PASSED}, (student, tasks)


def test_what_is_no_notebook_of_this_chapter_stops_nothing_and_passes_nothing(world, monkeypatch):
    out = handed_out(chapter("one"), world.exercises)
    right = filled(out, {"one": RIGHT})
    world.hand_in("truncated", json.dumps(right)[:-200])
    world.hand_in("empty", "")
    world.hand_in("list", "[1, 2]")
    world.hand_in("deep", "[" * 100_000)
    world.hand_in("binary", bytes(range(256)))
    world.hand_in("no cells", "{}")
    world.hand_in(
        "odd cells", '{"cells": [null, 3, {"source": 5, "metadata": 7}, {"source": [1]}]}'
    )
    other = filled(out, {"one": RIGHT})
    other["metadata"]["pixeledu"]["exercises"] = "02_other"
    world.hand_in("other", other)
    world.hand_in("real", right)
    (world.folder / "link.ipynb").symlink_to(world.folder / "real.ipynb")
    os.mkfifo(world.folder / "pipe.ipynb")
    (world.folder / "folder.ipynb").mkdir()
    with open(world.folder / "large.ipynb", "wb") as file:
        file.truncate(10**9)
    (world.folder / "real.ipynb").unlink()  # the link leads nowhere now, and nothing is run

    grades = world.grade()

    assert len(grades) == 12
    for student, tasks in grades.items():
        status, message = tasks["one"]
        assert status == (NOT_ATTEMPTED if student == "odd cells" else FAILED), student
        if student == "other":
            assert message == "this is a notebook of '02_other', and 01_sums is graded"
        elif status == FAILED:
            assert message.startswith("not a notebook that can be read"), student
