"""A shell for cells without a kernel: what it runs, and that it ends when it is closed."""

import gc
import importlib
import sys
import weakref

import pytest

from pixeledu.course.notebook_shell import NotebookShell, line_of_cell
from pixeledu.course.notebooks import CELL_BREAK


def made_by_a_shell() -> weakref.ref:
    """Something that a cell has made, seen after its shell was closed."""
    shell = NotebookShell()
    shell.run("class Made:\n    pass\n\nmade = Made()\nmade")
    made = weakref.ref(shell.module.made)
    shell.close()
    return made


def test_a_closed_shell_lets_go_of_what_its_cells_have_made():
    main = sys.modules["__main__"]
    made_by_a_shell()  # to the first of a process IPython itself holds on
    made = [made_by_a_shell() for _ in range(3)]
    assert sys.modules["__main__"] is main
    gc.collect()
    assert [one() for one in made] == [None] * 3


@pytest.fixture
def shell():
    made = NotebookShell()
    yield made
    made.close()


def test_a_cell_may_have_a_hundred_magics_and_says_so_of_more(shell):
    shell.run("!a\n" * 50 + "x = !a\n" * 25 + "len?\n" * 25 + "done = 1")
    assert shell.module.done == 1
    for line in ("!a\n", "  %pip x\n", "x = !a\n", "len? \n", "?len\n"):
        with pytest.raises(RuntimeError, match="at most 100 magics"):
            shell.run(line * 101)


def test_an_answer_of_several_cells_is_run_cell_by_cell(shell):
    cells = ["%%time\none = 1", "%%capture shown\nprint(one)", "two = one + 1", "    three = 3"]
    shell.answer(CELL_BREAK.join(cells))
    assert (shell.module.two, shell.module.three) == (2, 3)
    assert shell.module.shown.stdout == "1\n"
    with pytest.raises(ZeroDivisionError) as error:
        shell.answer(CELL_BREAK.join(["one = 1", "two = 2\none / 0", "three = 4"]))
    assert line_of_cell(error.value) == 2
    assert shell.module.three == 3


def test_what_a_shell_would_do_is_not_done(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for cell in ("!touch a", "%shell touch a", "%sx touch a", "%system touch a", "!!touch a"):
        shell.run(cell)
    for magic in ("bash", "sh", "shell", "script bash", "sx", "system", "!"):
        shell.run(f"%%{magic}\ntouch a")
    shell.run("%tensorflow_version 2.x\n%pip install nothing")
    shell.run("first = !touch a\nsecond = %sx touch a\nboth = first.n + first.s + second.n")
    assert shell.module.both == ""
    assert list(tmp_path.iterdir()) == []


def test_google_colab_can_be_imported_as_long_as_its_shell_is_open():
    shell = NotebookShell()
    shell.run("from google.colab import files\nuploaded = files.upload()")
    assert list(shell.module.uploaded) == []
    with pytest.raises(ImportError):
        shell.run("from google import other")
    shell.close()
    for name in [name for name in sys.modules if name.startswith("google.colab")]:
        del sys.modules[name]
    with pytest.raises(ImportError):
        importlib.import_module("google.colab")
