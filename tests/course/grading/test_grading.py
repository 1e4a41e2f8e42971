"""What comes back is somebody else's code: nothing wrong passes, nothing stops the others."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from classes import PRINTED, RIGHT, WRONG, cell_of, chapter, filled, handed_out
from IPython.core.inputtransformer2 import TransformerManager

import pixeledu
from pixeledu.course.grading import checker
from pixeledu.course.grading.checking import CheckingProcesses
from pixeledu.course.grading.grades import FAILED, NOT_ATTEMPTED, PASSED, grade_folder
from pixeledu.course.isolation.isolation import NoWalls, find_walls

PACKAGE = Path(pixeledu.__file__).parent


@pytest.fixture
def world(tmp_path):
    """Where notebooks are handed out, and where they come back."""

    class World:
        exercises, folder = tmp_path / "exercises", tmp_path / "submissions"
        server = socket.create_server(("127.0.0.1", 0))  # what an answer must not reach

        def hand_in(self, student: str, notebook: dict | str | bytes) -> None:
            path = self.folder / f"{student}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(notebook, dict):
                notebook = json.dumps(notebook)
            path.write_bytes(notebook if isinstance(notebook, bytes) else notebook.encode())

        def grade(self) -> dict[str, dict[str, tuple[str, str]]]:
            walls = find_walls(hidden=[self.exercises])
            self.graded = grade_folder(self.folder, self.exercises, walls, "01")
            return {
                one.student: {grade.task: (grade.status, grade.message) for grade in one.grades}
                for one in self.graded.graded
            }

    made = World()
    with made.server:
        yield made


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
        from pixeledu.course.grading import checker, grades
        grades.PASSED = grades.FAILED = checker.PASSED = checker.FAILED = "passed"
        checker._check = lambda *a: ("passed", "", True)
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
        "import socket\nsocket.create_connection(('127.0.0.1', PORT))",
        "refused",
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
        "[] [] /scratch []",
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
    "returns_a_thousand_million": ("def NAME(x):\n    return range(10**9)", "expected a tensor"),
    "returns_numbers_of_one_hash": (
        """
        import pixeledu.course.isolation.messages as messages
        def NAME(x):
            messages.encode = lambda *a: ["set", [i * (2**61 - 1) for i in range(400_000)]]
            return x
        """,
        "too much time",
    ),
    "returns_a_huge_fraction": (
        """
        import pixeledu.course.isolation.messages as messages
        def NAME(x):
            messages.encode = lambda *a: ["fraction", ["1e999999999", "1"]]
            return x
        """,
        "not a valid message",
    ),
    "returns_overlapping_tensors": (
        """
        import pixeledu.course.isolation.messages as messages
        def NAME(x):
            many = ["tensor", ["uint8", [2**28], 0, 2**28]]
            def encode(value, blobs, own):
                blobs[:] = [bytes(2**28)]
                return ["list", [many] * 16]
            messages.encode = encode
            return x
        """,
        "not a valid message",
    ),
    "is_right": (RIGHT, ""),
}


def hand_in_hostile(world, names: list[str]) -> None:
    """Two learners: one whose answers are hostile, and one who is right."""
    # Two of them use all the time they get; the others need a hundredth of theirs.
    seconds = {"loops": 1, "forks": 1, "returns_numbers_of_one_hash": 1}
    out = handed_out(chapter(*names, seconds=25, shorter=seconds), world.exercises)
    files = {
        "REFERENCE": str(world.exercises / "01_sums.ipynb"),
        "OTHERS": str(world.folder / "good.ipynb"),
        "PACKAGE": str(PACKAGE),
        "PORT": str(world.server.getsockname()[1]),
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
from pixeledu.course.isolation.isolation import find_walls
exercises = Path(sys.argv[2])
graded = grade_folder(Path(sys.argv[1]), exercises, find_walls([exercises]), "01").graded
print(json.dumps({one.student: {its.task: [its.status, its.message] for its in one.grades} for one in graded}))
"""


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
    world.hand_in("nothing in it", '{"cells": []}')
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

    assert len(grades) == 13
    for student, tasks in grades.items():
        status, message = tasks["one"]
        assert status == (NOT_ATTEMPTED if student == "odd cells" else FAILED), student
        if student == "other":
            assert message == "this is a notebook of '02_other', and 01_sums is graded"
        elif status == FAILED:
            assert message.startswith("not a notebook that can be read"), student


# What a cell of a notebook may hold besides Python, above or around a right answer.
CELLS = {
    "%%time": "%%time\n" + RIGHT,
    "%%capture": "%%capture\n" + RIGHT,
    "lines": "%matplotlib inline\n%pip install nothing\n!echo hello\nfiles = !ls\nlen?\n" + RIGHT,
    "%timeit": RIGHT + "\n%timeit -n1 -r1 NAME(torch.ones(1, 2))",
    "indented": textwrap.indent(RIGHT, "    "),
    "display": RIGHT + "\ndisplay(NAME(torch.ones(1, 2)))\nget_ipython()",
    "await": "import asyncio\nawait asyncio.sleep(0)\n" + RIGHT,
    "source": RIGHT + "\nimport inspect\nassert 'cumsum' in inspect.getsource(NAME)",
    "script": f"@torch.jit.script\n{RIGHT}",
    "what a shell says": "a = !ls\nb = %sx ls\nassert a.n == a.s == b.n == ''\n" + RIGHT,
    "magics of Colab": "%shell ls\n%tensorflow_version 2.x\n" + RIGHT,
    "files of Colab": "from google.colab import files\nfiles.download('mine')\n" + RIGHT,
    "a module of Colab": "from google.colab.patches import cv2_imshow as show\nshow(1)\n" + RIGHT,
    "import of Colab": "import google.colab\ngoogle.colab.drive.mount('/content')\n" + RIGHT,
    "%%bash": "%%bash\nexit 1",
}


def test_an_answer_cell_means_in_grading_what_it_means_in_a_notebook(world):
    names = [f"cell{number}" for number in range(len(CELLS))]
    out = handed_out(chapter(*names), world.exercises)
    notebook = filled(out, dict(zip(names, CELLS.values(), strict=True)))
    shell = cell_of(notebook, names[-1], "answer")
    shell["source"] += "\n"
    added = {"cell_type": "code", "metadata": {}, "source": RIGHT.replace("NAME", names[-1])}
    notebook["cells"].insert(notebook["cells"].index(shell) + 1, added)
    world.hand_in("ada", notebook)
    grades = world.grade()["ada"]
    # The last has nothing but lines for a shell in its cell, and its answer in another cell.
    failed = {
        name: grades[task]
        for name, task in zip(CELLS, names, strict=True)
        if grades[task][0] != PASSED
    }
    assert set(failed) <= {"%%bash"}, failed


def test_an_answer_in_a_cell_below_its_stub_is_graded_and_a_note_says_so(world):
    out = handed_out(chapter("one", "two"), world.exercises)
    stub = cell_of(out, "one", "answer")
    added = {"cell_type": "code", "metadata": {}, "source": RIGHT.replace("NAME", "one")}
    out["cells"].insert(out["cells"].index(stub) + 1, added)
    out["cells"].append({"cell_type": "code", "metadata": {}, "source": "x = 3"})
    world.hand_in("ada", out)
    assert world.grade()["ada"] == {"one": (PASSED, ""), "two": (NOT_ATTEMPTED, "")}
    (first, second) = world.graded.graded[0].notes
    assert "one: an added cell that defines its answer is graded" in first
    assert "1 added cells that define no answer are not graded" in second


def test_an_added_cell_defines_its_answer_whatever_else_stands_in_it(world):
    out = handed_out(chapter("one"), world.exercises)
    right = RIGHT.replace("NAME", "one")
    added = {
        "a magic": "%matplotlib inline\n" + right,
        "a cell magic": "%%time\n" + right,
        "indented": textwrap.indent(right, "    "),
        "prompts": ">>> " + right.replace("\n", "\n... "),
        "assigned": "files = !ls\none = lambda x: x.cumsum(1) - x",
        "put away": f"'''\n{right}\n'''",
        "called": "!ls\none(torch.ones(1, 2))\none == 3",
    }
    for student, source in added.items():
        notebook = json.loads(json.dumps(out))
        notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": source})
        world.hand_in(student, notebook)
    grades = world.grade()
    passed = {student for student, tasks in grades.items() if tasks["one"][0] == PASSED}
    others = {tasks["one"][0] for student, tasks in grades.items() if student not in passed}
    assert set(added) - passed == {"put away", "called"}
    assert others == {NOT_ATTEMPTED}


def test_the_cells_of_one_answer_have_magics_of_their_own(world):
    out = handed_out(chapter("one"), world.exercises)
    stub = cell_of(out, "one", "answer")
    stub["source"] = "%%time\ndef one(x):\n    return shifted(x)"
    for source in ("%%capture\nprint('a helper')\ndef shifted(x):\n    return x.cumsum(1) - x",):
        added = {"cell_type": "code", "metadata": stub["metadata"], "source": source}
        out["cells"].insert(out["cells"].index(stub) + 1, added)
    world.hand_in("ada", out)
    assert world.grade()["ada"] == {"one": (PASSED, "")}


def test_a_flood_of_magics_stops_nobody_else_and_fails_the_answer_that_it_stands_in(
    world, monkeypatch
):
    out = handed_out(chapter("one", "two"), world.exercises)
    right = filled(out, {"one": RIGHT, "two": RIGHT})
    world.hand_in("ada", right)
    floods = [line * 600 for line in ("!a\n", "%a\n", "a?\n", "x = !a\n")]
    added = [*floods, *(["!a\n" * 490] * 150)]
    eve = json.loads(json.dumps(right))
    eve["cells"] += [{"cell_type": "code", "metadata": {}, "source": source} for source in added]
    world.hand_in("eve", eve)
    bare = json.loads(json.dumps(eve))
    for cell in bare["cells"]:
        cell["metadata"] = {}
    world.hand_in("bare", bare)
    world.hand_in("fay", filled(out, {"one": "!a\n" * 600 + RIGHT, "two": RIGHT}))
    read = []  # here, before anybody is graded, and not by the process of an answer
    monkeypatch.setattr(TransformerManager, "transform_cell", lambda *cell: read.append(cell))

    grades = world.grade()

    assert not read
    for student in ("ada", "eve"):
        assert {status for status, _ in grades[student].values()} == {PASSED}
    assert grades["fay"]["two"] == (PASSED, "")
    status, message = grades["fay"]["one"]
    assert status == FAILED
    assert message.startswith("RuntimeError: a cell may have at most 100 magics")
    assert "154 added cells" in world.graded.graded[2].notes[0]


def test_an_error_of_the_right_kind_from_the_wrong_place_is_no_missing_answer(world):
    out = handed_out(chapter("one", "two", "three"), world.exercises)
    answers = {
        "one": "def NAME(x):\n    raise NotImplementedError",
        "two": "def NAME(x):\n    return torch.nn.functional.softmax(x.long(), 1)",
        "three": "def NAME(x):\n    x = x + 1\n    raise NotImplementedError  # later",
    }
    world.hand_in("ada", filled(out, answers))
    grades = world.grade()["ada"]
    assert [status for status, _ in grades.values()] == [NOT_ATTEMPTED, FAILED, NOT_ATTEMPTED]
    assert "softmax" in grades["two"][1]


def test_earlier_answers_take_no_time_from_later_ones(world):
    names = ("one", "two")
    out = handed_out(chapter(*names, seconds=4), world.exercises)
    busy = (  # both together take longer than one may
        "import time\nend = time.process_time() + 2.2\nwhile time.process_time() < end:\n    pass\n"
    )
    busy += RIGHT
    world.hand_in("ada", filled(out, dict.fromkeys(names, busy)))
    assert {status for status, _ in world.grade()["ada"].values()} == {PASSED}


def test_every_file_of_the_folder_is_graded_or_named(world):
    out = handed_out(chapter("one"), world.exercises)
    right = filled(out, {"one": RIGHT})
    world.hand_in("ada", right)
    for name in ("bob.ipynb.txt", "cyd.IPYNB", "dan.ipynb.json", "ada.IPYNB"):
        (world.folder / name).write_text(json.dumps(right))
    for name in ("fay.zip", "inner/read me.md", ".ipynb_checkpoints/ada-checkpoint.ipynb"):
        (world.folder / name).parent.mkdir(exist_ok=True)
        (world.folder / name).write_text("{}")
    grades = world.grade()
    assert set(grades) == {"ada.IPYNB", "ada.ipynb", "bob.ipynb.txt", "cyd", "dan.ipynb.json"}
    assert all(tasks["one"][0] == PASSED for tasks in grades.values())
    assert world.graded.passed_over == (".ipynb_checkpoints/", "fay.zip", "inner/read me.md")


FIND = """
import sys
from pathlib import Path
from pixeledu.course.grading.submissions import submissions
try:
    print(submissions(Path(sys.argv[1])))
except OSError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_read_is_named(world):
    for name in ("ada.ipynb", "bob/hand in.ipynb", "eve/inner/mine.ipynb"):
        (world.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (world.folder / name).write_text("{}")
    (world.folder / "bob").chmod(0)
    (world.folder / "eve").chmod(0o444)  # its names can be read, and nothing else

    def find(folder: Path) -> str:
        command = [*ORDINARY, *ALONE, sys.executable, "-c", FIND, folder]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    said = find(world.folder)
    assert "[('ada'," in said
    assert said.endswith("['bob/ (cannot be read)', 'eve/inner/ (cannot be read)'])\n")
    assert "Permission denied" in find(world.folder / "bob")
    (world.folder / "ada.ipynb").unlink()
    assert "Permission denied" in find(world.folder)
    for name in ("bob", "eve"):
        (world.folder / name).chmod(0o700)


def test_large_pictures_are_no_hindrance_and_a_flood_of_cells_is_refused_at_once(world):
    out = handed_out(chapter("one"), world.exercises)
    right = filled(out, {"one": RIGHT})
    picture = {
        "output_type": "display_data",
        "data": {"image/png": "A" * 25_000_000},
        "metadata": {},
    }
    cell_of(right, "one", "check")["outputs"].append(picture)
    world.hand_in("ada", right)
    flood = [{"cell_type": "code", "metadata": {}, "source": "a = 1  # words\n" * 100}] * 14_000
    world.hand_in("eve", {"cells": flood})
    grades = world.grade()
    assert grades["ada"]["one"][0] == PASSED
    assert "at most 1000" in grades["eve"]["one"][1]


def test_a_second_try_alone_is_given_to_what_ran_out_of_time(world, monkeypatch):
    out = handed_out(chapter("one", "two"), world.exercises)
    for student in ("ada", "bob"):
        world.hand_in(student, filled(out, {"one": RIGHT, "two": RIGHT}))
    tries = []

    def check(self, answers):
        tries.append(answers)
        late = len(tries) == 1
        return {
            "one": (checker.LATE, "late") if late else (checker.PASSED, ""),
            "two": ("passed", ""),
        }

    monkeypatch.setattr(CheckingProcesses, "check", check)
    assert all(status == PASSED for tasks in world.grade().values() for status, _ in tasks.values())
    assert len(tries) == 3


def test_submissions_that_answers_could_read_are_not_graded(world, monkeypatch):
    handed_out(chapter("one"), world.exercises)
    inside = Path(pixeledu.__file__).parent
    with pytest.raises(NoWalls, match="move the submissions elsewhere"):
        grade_folder(inside, world.exercises, find_walls(), "01")


def test_no_setting_of_the_person_who_grades_changes_how_python_runs(world, monkeypatch, tmp_path):
    out = handed_out(chapter("one", "two"), world.exercises)
    world.hand_in("ada", filled(out, {"one": WRONG, "two": RIGHT}))
    (tmp_path / "start.py").write_text("raise SystemExit('started')")
    (tmp_path / "torch.py").write_text("raise SystemExit('shadowed')")
    for name, value in {
        "PYTHONOPTIMIZE": "2",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(tmp_path),
        "PYTHONSTARTUP": str(tmp_path / "start.py"),
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "error",
        "PYTHONINSPECT": "1",
        "PYTHONHOME": str(tmp_path),
        "PYTEST_ADDOPTS": "--collect-only",
        "IPYTHONDIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    grades = world.grade()["ada"]
    assert [status for status, _ in grades.values()] == [FAILED, PASSED]
