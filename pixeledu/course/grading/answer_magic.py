"""What grading adds to the kernel that runs the checks: `%start_answers` and `%%answer`.

It runs an answer in a sandbox and puts what the check needs of it into this kernel: data, and
handles for functions and modules. The code of an answer itself never runs here.
"""

import atexit
import contextlib
import json
import os
from pathlib import Path

from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import Peer
from pixeledu.course.isolation.sandbox import Sandbox, wall_seconds
from pixeledu.course.isolation.walls import Limits

PLAN = "PIXELEDU_PLAN"  # names the file that says how answers are run


def load_ipython_extension(shell) -> None:
    """Prepare a kernel for grading: `%load_ext pixeledu.course.grading.answer_magic`."""
    plan = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    answers = _Answers(shell, plan)
    shell.register_magic_function(answers.start, "line", "start_answers")
    shell.register_magic_function(answers.answer, "cell", "answer")
    shell.set_custom_exc((Exception,), answers.show)
    atexit.register(answers.sandbox.stop)


class _Answers:
    """Answers, one after the other.

    Args:
        shell: IPython's.
        plan: "setup", "tasks" (task -> "given", "names", "seconds") and the arguments of `Sandbox`.
    """

    def __init__(self, shell, plan: dict) -> None:
        self.shell, self.tasks = shell, plan["tasks"]
        self.sandbox = Sandbox(
            plan["setup"],
            limits=Limits(**plan["limits"]),
            namespaces=tuple(plan["namespaces"]),
            user=plan["user"],
        )
        self.earlier: dict[str, str] = {}  # task -> answer, as far as they do no harm
        self.task = ""

    def start(self, line: str) -> None:
        """Start the process for answers while no task's time is running."""
        with contextlib.suppress(
            ConnectionBroken
        ):  # the first answer tries again, and says why it fails
            self.sandbox.start()

    def answer(self, line: str, code: str) -> None:
        """Run an answer elsewhere, and bind the names of the task in this kernel."""
        self.task = line.strip()
        about = self.tasks[self.task]
        for name in about["names"]:
            self.shell.user_ns.pop(name, None)
        before = list(self.earlier.values())
        peer = self.sandbox.run(about["given"], before, code, about["seconds"])
        self.earlier[self.task] = code
        for name in about["names"]:
            self.shell.user_ns[name] = _value(peer, name)

    def show(self, shell, kind: type, error: Exception, trace, tb_offset=None) -> list[str]:
        """Show an error as one text: the report needs nothing else."""
        text = f"{kind.__name__}: {error}"
        if isinstance(error, ConnectionBroken):
            self.earlier.pop(self.task, None)
            text = self._why_broken(str(error))
        shell._showtraceback(kind, error, [text])
        return [text]

    def _why_broken(self, reason: str) -> str:
        if reason == "late":
            most = wall_seconds(self.tasks[self.task]["seconds"])
            return f"it took longer than {most} seconds and was stopped"
        if reason == "gone":
            return (
                "its process ended before the check was done: it called `os._exit` or the like, or "
                f"it used too much memory or more than {self.tasks[self.task]['seconds']} seconds "
                "of the processor"
            )
        return f"the check could not be done: {reason}"


def _value(peer: Peer, name: str) -> object:
    try:
        return peer.ask("name", name)
    except AttributeError:
        raise NameError(f"the answer does not define {name}") from None
