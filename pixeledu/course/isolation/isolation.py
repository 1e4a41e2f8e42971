"""How answers are kept apart from everything else: decided once, and passed on as one object."""

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pixeledu.course.isolation.bubblewrap import bubblewrap, is_shown, shown_paths
from pixeledu.course.isolation.limits import Limits
from pixeledu.course.isolation.system_calls import filter_program

_FIRST_USER = 610_000  # no account has such a number; each submission takes its own
UNSAFE = (
    "answers ran without walls (--unsafe): one can read and change what you can, other submissions "
    "and this report too, so that grades can be forged"
)


class NoWalls(ValueError):
    """Answers cannot be isolated here; says why, and what to do."""


@dataclasses.dataclass(frozen=True)
class Isolation:
    """Start processes that run answers.

    Args:
        walls: in bubblewrap, see `bubblewrap`; False starts them as they are, with some limits.
        limits: what an answer may use.
        hidden: folders that no answer may see.
    """

    walls: bool
    limits: Limits = dataclasses.field(default_factory=Limits)
    hidden: tuple[str, ...] = ()

    def start(self, command: list[str], descriptor: int, errors) -> subprocess.Popen:
        """Start a program that runs answers.

        Args:
            command: the program.
            descriptor: the one that it keeps, besides standard input, output and error.
            errors: a file for its standard error.
        Raises:
            OSError: it cannot be started.
        """
        with tempfile.TemporaryFile() as program:
            descriptors, prefix = [descriptor], []
            if self.walls:
                program.write(filter_program())
                program.seek(0)
                descriptors.append(program.fileno())
                hidden = [Path(folder) for folder in self.hidden]
                prefix = bubblewrap(self.limits.storage, hidden, program.fileno())
            return subprocess.Popen(
                [*prefix, *command],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                pass_fds=descriptors,
                start_new_session=True,
            )

    def user(self, number: int) -> int | None:
        """The user that the answers of a submission run as: for root, one that has nothing else.

        Args:
            number: of the submission, different for all that this process starts.
        """
        if not self.walls or os.geteuid() != 0:
            return None
        return _FIRST_USER + 1024 * os.getpid() + number % 1024

    def refuse_shown(self, folder: Path) -> None:
        """Refuse a folder of submissions that answers would see.

        Raises:
            NoWalls: they would.
        """
        if self.walls and is_shown(folder, shown_paths()):
            raise NoWalls(
                f"FOLDER must lie where no answer can look, and {folder} is inside a folder of "
                "Python's own: move the submissions elsewhere"
            )


def environment() -> dict[str, str]:
    """What a process of the grading sees of the environment: nothing that changes how Python runs."""
    kept = ("LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # how libraries are found
    # The package as it is here; and what a user has installed for himself.
    package = str(Path(__file__).resolve().parents[3])
    own = [path for path in sys.path if path.endswith("site-packages") and "/.local/" in path]
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PATH": os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin")),
        "LANG": "C.UTF-8",
        "USER": "learner",
        "LOGNAME": "learner",
        "PYTHONPATH": os.pathsep.join([package, *own]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }


def find_walls(hidden: Sequence[Path] = (), limits: Limits | None = None) -> Isolation:
    """Isolate answers with bubblewrap, and try it.

    Args:
        hidden: folders that no answer may see.
        limits: what an answer may use.
    Raises:
        NoWalls: it does not work here; says why and how it can.
    """
    if sys.platform != "linux":
        raise _no_walls(f"bubblewrap runs on Linux only, and this is {sys.platform}")
    if shutil.which("bwrap") is None:
        raise _no_walls("bubblewrap is not installed; Debian and Ubuntu: apt install bubblewrap")
    if importlib.util.find_spec("pyseccomp") is None:
        raise _no_walls('pyseccomp is not installed: pip install "pixeledu[course]"')
    made = Isolation(True, limits or Limits(), tuple(str(folder) for folder in hidden))
    with tempfile.TemporaryFile() as errors:
        try:
            code = made.start([sys.executable, "-c", ""], errors.fileno(), errors).wait()
        except (OSError, RuntimeError) as error:
            raise _no_walls(str(error)) from None
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    if code:
        raise _no_walls(f"bubblewrap does not work here: {said[-1] if said else f'exit {code}'}")
    return made


def _no_walls(why: str) -> NoWalls:
    return NoWalls(
        f"answers of others need walls: {why}. The guide for instructors says how to get them, also "
        "in a container; --unsafe grades without, and then an answer can forge grades"
    )
