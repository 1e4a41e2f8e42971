"""A shell for cells without a kernel: it ends when it is closed."""

import gc
import sys
import weakref

from pixeledu.course.notebook_shell import NotebookShell


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
