"""The process that runs answers: every wall stands, in both ways to build them."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pixeledu
from pixeledu.course.isolation import isolation as module
from pixeledu.course.isolation.answer_process import AnswerProcess
from pixeledu.course.isolation.bubblewrap import is_shown, shown_paths
from pixeledu.course.isolation.isolation import Isolation, NoWalls, environment, find_walls
from pixeledu.course.isolation.limits import Limits, wall_seconds
from pixeledu.course.isolation.messages import ConnectionBroken

LOOK = """
import ctypes, errno, os, socket

libc = ctypes.CDLL(None, use_errno=True)

def look():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
    return {
        "files": sorted(os.listdir("/")), "home": os.listdir(os.environ["HOME"]),
        "scratch": os.listdir("."), "capabilities": int(status["CapEff"], 16),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "environment": sorted(os.environ), "local": os.path.exists("/usr/local/share"),
        "descriptors": sum(map(is_open, range(256))), "user": os.getuid(),
    }

def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

def write(path):
    open(path, "w").write("x" * 10)

def denied(name, *arguments):
    ctypes.set_errno(0)
    arguments = [a.encode() if isinstance(a, str) else ctypes.c_ulong(a) for a in arguments]
    return getattr(libc, name)(*arguments), ctypes.get_errno()

def vsock():
    socket.socket(40, socket.SOCK_STREAM)

def sleep():
    import time
    time.sleep(600)

def start(count, what):
    for _ in range(count):
        if not os.fork():
            os.setsid()
            exec(what)
            os._exit(0)

def start_and_wait(count, what):
    start(count, what)
    sleep()

def fill():
    with open("/dev/shm/big", "wb") as file:
        while True:
            file.write(bytes(2**20))
"""


@pytest.fixture(params=["root", "anybody"])
def process(request, monkeypatch):
    if request.param == "anybody":  # without rights of root, in a namespace of users
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    limits = Limits(memory=2**31)
    with AnswerProcess("import math", find_walls(limits=limits)) as made:
        yield made


def ask(process: AnswerProcess, name: str, seconds: int = 60):
    """A function of LOOK, in a task of its own."""
    return process.run("", {}, LOOK, seconds).ask("name", name)


def test_an_answer_sees_nothing_but_python(process, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    seen = ask(process, "look")()
    assert not {"mnt", "srv", "sys", "var", "opt", "home", "run"} & set(seen["files"])
    assert not seen["local"]
    assert seen["home"] == seen["scratch"] == []
    assert seen["capabilities"] == 0
    assert seen["interfaces"] == ["lo"]
    assert seen["processes"] <= 2
    assert seen["descriptors"] <= 6
    assert "A_TOKEN" not in seen["environment"]

    write = ask(process, "write")
    write("mine")
    for path in (module.__file__, "/usr/new", os.__file__, "/nowhere/y", "/new", "/proc/1/mem"):
        with pytest.raises(OSError, match=r"Read-only|denied|No such"):
            write(path)


# System call of the C library, and arguments with which it would do something.
DENIED = {
    "unshare": (0x10000000,),
    "mount": ("none", "/scratch", "tmpfs", 0, 0),
    "ptrace": (16, 1, 0, 0),
    "memfd_create": ("x", 0),
    "shmget": (0, 10**6, 0o1600),
    "prctl": (1, 0, 0, 0, 0),
    "chroot": ("/scratch",),
    "process_vm_readv": (1, 0, 0, 0, 0, 0),
}
# The same of system calls that it has no function for; the numbers are those of this processor.
NUMBERS = {"keyctl": 250, "add_key": 248, "io_uring_setup": 425, "userfaultfd": 323, "bpf": 321}


def test_system_calls_that_lead_out_are_denied(process):
    denied = ask(process, "denied")
    for name, arguments in DENIED.items():
        assert denied(name, *arguments) == (-1, errno.EPERM), name
    if os.uname().machine == "x86_64":
        for name, number in NUMBERS.items():
            assert denied("syscall", number, 0, 0, 0, 0, 0) == (-1, errno.EPERM), name
        new_user = 0x10000000
        assert denied("syscall", 56, new_user | 17, 0, 0, 0, 0) == (-1, errno.EPERM)
    with pytest.raises(OSError, match="not permitted"):
        ask(process, "vsock")()


def test_no_task_sees_what_another_one_did(process):
    peer = process.run("", {}, LOOK + "\nmath.tau = 3", 60)
    peer.ask("name", "start")(3, "while True: pass")
    for path in ("left", "/dev/shm/left", "/tmp/left"):
        peer.ask("name", "write")(path)
    peer.connection.socket.close()
    peer = process.run("", {}, LOOK + "\ntau = math.tau", 60)
    assert peer.ask("name", "tau") > 6
    assert peer.ask("name", "look")()["processes"] <= 2
    assert peer.ask("name", "look")()["scratch"] == []


def test_each_submission_has_a_user_of_its_own():
    walls = find_walls()
    with AnswerProcess("", walls) as one, AnswerProcess("", walls) as two:
        users = [ask(process, "look")()["user"] for process in (one, two)]
    assert os.geteuid() != 0 or (len(set(users)) == 2 and min(users) > 600_000)


@pytest.mark.parametrize(
    "what", ["while True: pass", "x = bytearray(2**28)\nimport time\ntime.sleep(600)"]
)
def test_what_all_processes_of_a_task_use_is_limited(process, what):
    peer = process.run("", {}, LOOK, 1)
    with pytest.raises(ConnectionBroken, match="gone"):
        peer.ask("name", "start_and_wait")(20, what)
    assert process.run("", {}, "x = 1", 60).ask("name", "x") == 1


def test_the_files_of_a_task_are_limited_wherever_they_lie(process):
    with pytest.raises(OSError, match=r"No space|too large"):
        ask(process, "fill")()


def test_an_earlier_answer_helps_and_does_no_harm(process):
    earlier = {"1 / 0": 60, "import string": 60, "import sys\nsys.exit()": 60}
    peer = process.run("given = 2", earlier, "x = string.digits[given]", 60)
    assert peer.ask("name", "x") == "2"


def test_an_answer_that_waits_for_ever_is_stopped_by_the_clock(process):
    peer = process.run("", {}, LOOK, 60)
    peer.connection.deadline = time.monotonic() + 1
    with pytest.raises(ConnectionBroken, match="late"):
        peer.ask("name", "sleep")()
    peer.connection.socket.close()
    assert process.run("", {}, "x = 1", 60).ask("name", "x") == 1


def test_the_clock_leaves_more_than_the_processor_takes_on_a_busy_machine():
    for seconds in (1, 30, 120):
        assert wall_seconds(seconds) >= 30 + 2 * seconds


def test_stopping_leaves_no_process_and_no_file(process):
    ask(process, "start")(3, "while True: pass")
    started, scratch = process.process, process.scratch
    process.stop()
    assert started.poll() is not None
    assert not scratch.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_program_that_is_killed_leaves_none_of_its_answers_running():
    code = (
        "import sys, time\n"
        "from pixeledu.course.isolation.answer_process import AnswerProcess\n"
        "from pixeledu.course.isolation.isolation import find_walls\n"
        "process = AnswerProcess('', find_walls())\n"
        f"look = process.run('', {{}}, {LOOK!r}, 60)\n"
        "look.ask('name', 'start')(3, 'while True: pass')\n"
        "print(process.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    ) as program:
        started = int(program.stdout.readline())
        inside = _below(started)
        assert len(inside) >= 4
        program.kill()
        program.wait()
    for _ in range(600):  # ended by the system, as soon as it gets to it
        if not any(map(_runs, inside)):
            break
        time.sleep(0.1)
    assert not any(map(_runs, inside))


def _below(number: int) -> list[int]:
    """A process and all that it has started."""
    found = [number]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == number:
            found += _below(int(entry.name))
    return found


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_that_does_not_start_says_why():
    with (
        AnswerProcess("1 / 0", find_walls()) as process,
        pytest.raises(ConnectionBroken, match="ZeroDivisionError"),
    ):
        process.run("", {}, "", 60)


def test_only_python_is_shown_of_a_project_that_is_its_own_environment(monkeypatch, tmp_path):
    project = tmp_path / "project"
    for name in ("bin", "lib/python3.11/site-packages", "submissions", "share"):
        (project / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(project))
    shown = shown_paths()
    assert is_shown(project / "bin", shown)
    for name in ("submissions", "share"):
        assert not is_shown(project / name, shown)
    with pytest.raises(NoWalls, match="move the submissions"):
        Isolation(walls=True).refuse_shown(project / "lib" / "python3.11")
    Isolation(walls=True).refuse_shown(project / "submissions")


def test_a_folder_inside_python_that_must_not_be_seen_is_hidden():
    hidden = Path(pixeledu.__file__).parent / "weights"
    assert any(hidden.iterdir())
    answer = f"import os\nseen = os.listdir({str(hidden)!r})"
    with AnswerProcess("", find_walls(hidden=[hidden])) as process:
        assert process.run("", {}, answer, 60).ask("name", "seen") == []


@pytest.mark.parametrize(
    ("missing", "words"),
    [("bwrap", "bubblewrap is not installed"), ("pyseccomp", "pyseccomp"), ("linux", "Linux only")],
)
def test_a_system_without_walls_is_told_why_and_how_to_get_them(monkeypatch, missing, words):
    if missing == "bwrap":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    if missing == "pyseccomp":
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    if missing == "linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NoWalls, match=words) as caught:
        find_walls()
    assert "--unsafe" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_walls_that_cannot_be_built_are_no_walls(monkeypatch):
    monkeypatch.setattr(module, "bubblewrap", lambda *a: ["sh", "-c", "echo no rights >&2; exit 1"])
    with pytest.raises(NoWalls, match="no rights"):
        find_walls()


def test_without_walls_answers_run_as_well():
    with AnswerProcess("import math", Isolation(walls=False)) as process:
        peer = process.run("", {}, LOOK + "\nx = math.pi", 60)
        assert peer.ask("name", "x") > 3
        peer.ask("name", "write")("mine")
        peer.connection.socket.close()
        assert ask(process, "look")()["scratch"] == []
