"""The process that runs answers: every wall stands, in both ways to build them."""

import os
import time

import pytest
from exercise_source import MOST_SECONDS

from pixeledu.course.grading.notebook_run import CELL
from pixeledu.course.isolation import sandbox as module
from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.sandbox import (
    _START,
    Sandbox,
    namespaces,
    sandbox_user,
    wall_seconds,
    warnings,
)
from pixeledu.course.isolation.walls import Limits

LOOK = """
import os, socket, subprocess

def look():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
    return {
        "files": sorted(os.listdir("/")), "home": os.listdir(os.environ["HOME"]),
        "scratch": os.listdir("."), "capabilities": int(status["CapEff"], 16),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "environment": sorted(os.environ),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }

def write(path):
    open(path, "w").write("x" * 10)

def remount():
    return subprocess.run(["mount", "-o", "remount,rw,bind", "/usr"]).returncode

def sleep():
    import time
    time.sleep(600)

def leave_something():
    if not os.fork():
        os.setsid()
        while True:
            pass
    open("left", "w").write("x")
"""


@pytest.fixture(params=[module._UNSHARE, module._AS_OTHER_ROOT], ids=["as root", "as anybody"])
def sandbox(request):
    if request.param is module._UNSHARE and os.geteuid():
        # Only root may have these namespaces; whoever else runs this test has the other way.
        request.param = module._AS_OTHER_ROOT
    user = sandbox_user(77) if request.param is module._UNSHARE else None
    with Sandbox("import math", namespaces=request.param, user=user, limits=Limits()) as made:
        yield made


def test_an_answer_sees_nothing_but_python(sandbox):
    peer = sandbox.run("", [], LOOK, 30)
    seen = peer.ask("name", "look")()
    assert not {"etc/passwd", "mnt", "srv", "sys", "var", "opt"} & set(seen["files"])
    assert seen["home"] == seen["scratch"] == []
    assert seen["capabilities"] == 0
    assert seen["interfaces"] == ["lo"]
    assert seen["processes"] <= 2
    assert seen["descriptors"] <= 6
    assert not [name for name in seen["environment"] if "TOKEN" in name or "KEY" in name]

    write = peer.ask("name", "write")
    write("mine")
    for path in (module.__file__, "/usr/new", os.__file__, "/nowhere/y"):
        with pytest.raises(OSError, match=r"Read-only|denied|No such"):
            write(path)
    assert peer.ask("name", "remount")() != 0


def test_no_task_sees_what_another_one_did(sandbox):
    peer = sandbox.run("", [], LOOK + "\nmath.tau = 3", 30)
    peer.ask("name", "leave_something")()
    peer = sandbox.run("", [], LOOK + "\ntau = math.tau", 30)
    assert peer.ask("name", "tau") > 6
    assert peer.ask("name", "look")()["processes"] <= 2
    assert peer.ask("name", "look")()["scratch"] == []


def test_an_earlier_answer_helps_and_does_no_harm(sandbox):
    peer = sandbox.run("given = 2", ["1 / 0", "import string"], "x = string.digits[given]", 30)
    assert peer.ask("name", "x") == "2"


def test_an_answer_that_waits_for_ever_is_stopped_by_the_clock(sandbox, monkeypatch):
    peer = sandbox.run("", [], LOOK, 30)
    peer.connection.deadline = time.monotonic() + 1
    with pytest.raises(ConnectionBroken, match="late"):
        peer.ask("name", "sleep")()
    assert sandbox.run("", [], "x = 1", 30).ask("name", "x") == 1


def test_no_cell_takes_longer_than_a_minute():
    assert wall_seconds(1) >= 30
    assert wall_seconds(MOST_SECONDS) < CELL == 60
    assert _START < CELL


def test_stopping_leaves_no_process_and_no_file(sandbox):
    sandbox.run("", [], "import time", 30)
    process, scratch = sandbox.process, sandbox.scratch
    sandbox.stop()
    assert process.poll() is not None
    assert not scratch.exists()


def test_answers_never_run_as_root_without_walls():
    if os.geteuid() == 0:
        with pytest.raises(ValueError, match="never run as root"):
            Sandbox("", namespaces=(), user=None)


@pytest.mark.parametrize(("user", "words"), [(0, ["network", "read"]), (1000, ["change", "end"])])
def test_a_system_without_namespaces_is_named_with_its_dangers(monkeypatch, user, words):
    assert warnings() == []
    monkeypatch.setattr(module, "namespaces", lambda: ())
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = warnings()
    assert all(word in " ".join(found) for word in words)
    assert "unshare --user --net true" in found[-1]


def test_a_process_that_does_not_start_says_why():
    with (
        Sandbox("1 / 0", namespaces=namespaces(), user=sandbox_user(78)) as sandbox,
        pytest.raises(ConnectionBroken, match="ZeroDivisionError"),
    ):
        sandbox.run("", [], "", 30)
