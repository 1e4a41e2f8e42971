"""Ctrl-C at any moment: exit code 130, one line or none, and never a traceback.

The moments are counted, not timed: a signal comes with the n-th import, or with the n-th line of a
file of ours. Before its first line it is Python that answers.
"""

import subprocess
import sys

import pytest

# `python -m pixeledu`, and how many signals come at which of its imports.
AT_IMPORT = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
moments, seen = {int(text) for text in sys.argv[1].split(",")}, 0
def count(event, arguments):
    global seen
    if event == "import" and (seen or arguments[0] == "pixeledu.cli"):
        seen += 1
        if seen in moments:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(count)
sys.argv[1:] = sys.argv[2:]
try:
    runpy.run_module("pixeledu", run_name="__main__", alter_sys=True)
finally:
    if moments == {0}:
        print(seen, file=sys.stderr)
"""
# The same, with a signal when a function is called, by its module and name.
IN_CALL = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
wanted = sys.argv[1].split(",")
def interrupt(frame, event, argument):
    name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}"
    if event == "call" and wanted and name == wanted[0]:
        del wanted[0]
        os.kill(os.getpid(), signal.SIGINT)
sys.setprofile(interrupt)
sys.argv[1:] = sys.argv[2:]
runpy.run_module("pixeledu", run_name="__main__", alter_sys=True)
"""
STOPPED = ("", "\npixeledu: stopped\n")


def ended(program, *words):
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


# Those at the end, when most is loaded, take a second each.
MOMENTS = {"1", "2", "3", "8", "40", "200", "800,801", "1000,1001"}
FEW = {"1", "8", "1000,1001"}


@pytest.mark.parametrize(
    "moments",
    [*sorted(FEW), *(pytest.param(it, marks=pytest.mark.thorough) for it in sorted(MOMENTS - FEW))],
)
def test_ctrl_c_while_something_is_imported(moments):
    code, out, err = ended(AT_IMPORT, moments, "pretrained")
    assert (code, out) == (130, "")
    assert err in STOPPED


def test_there_are_as_many_imports_as_the_moments_need():
    code, _, err = ended(AT_IMPORT, "0", "pretrained")
    assert (code, int(err) > 1000) == (0, True)


CALLS = {
    "as the words are read": "pixeledu.cli.parser.parser",
    "in a command": "pixeledu.cli.measure._pretrained",
    "twice, the second time in what it says": "pixeledu.cli.running._run,pixeledu.cli.running._complain",
}


@pytest.mark.parametrize("calls", CALLS)
def test_ctrl_c_while_a_command_runs(calls):
    code, out, err = ended(IN_CALL, CALLS[calls], "pretrained")
    assert (code, out) == (130, "")
    assert err in STOPPED


def test_ctrl_c_after_the_work_is_done_changes_nothing():
    program = f"import atexit, os; atexit.register(os.kill, os.getpid(), 2)\n{AT_IMPORT}"
    code, out, err = ended(program, "-1", "pretrained")
    assert (code, err) == (0, "")
    assert "digits-pixelcnn" in out


def test_a_job_in_the_background_does_not_hear_ctrl_c():
    program = AT_IMPORT.replace("default_int_handler", "SIG_IGN")
    assert ended(program, "2,200", "pretrained")[0] == 0
