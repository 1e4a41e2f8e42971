"""Cells as a notebook runs them: IPython's magics, help, `await`, `display`, and no shell."""

import atexit
import contextlib
import re
import sys
import traceback
import types
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

from pixeledu.course.notebooks import CELL_BREAK

_IGNORED_LINES = (
    *("pip", "conda", "mamba", "micromamba", "uv", "pinfo", "pinfo2", "psearch"),
    *("shell", "tensorflow_version"),  # of Colab
)
_IGNORED_CELLS = ("script", "bash", "sh", "shell")
_MAGIC = re.compile(r"^[ \t]*[%!?]|=[ \t]*[%!]|\?[ \t]*$", re.MULTILINE)
_MOST_MAGICS = 100  # in a cell, which IPython reads anew for each; it gives up after 500 itself


class NotebookShell:
    """A kernel's namespace, without the kernel: the names of its cells are those of `__main__`.

    Lines for the shell, installations, questions for help and `google.colab` do nothing.
    """

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False  # would be a data base in the home folder
        self.module = types.ModuleType("__main__")
        self._in_charge = sys.modules["__main__"], InteractiveShell._instance
        self._shell = InteractiveShell(config=config, user_module=self.module)
        InteractiveShell._instance = self._shell  # what `get_ipython()` returns
        self._shell.showtraceback = lambda *args, **named: None
        self._shell.showsyntaxerror = lambda *args, **named: None
        self._shell.system = self._shell.enable_gui = _nothing
        self._shell.getoutput = lambda *args, **named: SList()
        for name in _IGNORED_LINES:
            self._shell.register_magic_function(_nothing, "line", name)
        for name in _IGNORED_CELLS:
            self._shell.register_magic_function(_nothing, "cell", name)
        self._colab = _Colab()
        sys.meta_path.append(self._colab)  # the last: a real one is found before

    def run(self, code: str) -> None:
        """Run one cell.

        Raises:
            BaseException: what the cell raised, SyntaxError too.
        """
        if len(_MAGIC.findall(code)) > _MOST_MAGICS:
            raise RuntimeError(
                f"a cell may have at most {_MOST_MAGICS} magics, lines for a shell and "
                "questions for help"
            )
        sys.modules["__main__"] = self.module
        result = self._shell.run_cell(code)
        if error := result.error_before_exec or result.error_in_exec:
            raise error

    def prepare(self, given: str, earlier: list[str]) -> None:
        """Run what comes before an answer, as a learner's notebook has.

        An import in an earlier answer is missed in a later one; what goes wrong there does not matter.
        """
        for code in earlier:
            with contextlib.suppress(BaseException):
                self.answer(code)
        self.run(given)

    def answer(self, code: str) -> None:
        """Run an answer: its cells one after the other, each with magics of its own."""
        for cell in code.split(CELL_BREAK):
            self.run(cell)

    def close(self) -> None:
        """Give `__main__` and `get_ipython` back to the program that made this shell, and let it go."""
        sys.modules["__main__"], InteractiveShell._instance = self._in_charge
        sys.meta_path.remove(self._colab)
        atexit.unregister(self._shell.atexit_operations)  # by which it would live on


def _nothing(*_: object, **named: object) -> None:
    """Do nothing, whatever is asked for."""


class _Colab:
    """An importer of `google.colab`, whatever is in it: calls into it do nothing."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in ("google", "google.colab") or name.startswith("google.colab."):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> MagicMock | None:
        return None if spec.name == "google" else MagicMock()

    def exec_module(self, module: object) -> None:
        pass


def line_of_cell(error: BaseException) -> int | None:
    """The line of a cell that an error comes from, or None."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if "ipython-input" in frame.filename or "/ipykernel_" in frame.filename
    ]
    return lines[-1] if lines else None
