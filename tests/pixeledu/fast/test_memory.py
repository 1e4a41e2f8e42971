"""Memory that is freed is kept for the next tensor, in every process that asks for it."""

import ctypes
import os
import subprocess
import sys

import pytest

from pixeledu.fast import memory

# Forward passes of a Diagonal BiLSTM, and how many pages of memory the system handed out for each.
PASSES = """
import resource, sys, torch, pixeledu
exec(sys.argv[1])
torch.set_num_threads(1)
model = pixeledu.build_model("diagonal-bilstm", hidden=16, layers=3)
images = torch.zeros(16, 1, 28, 28, dtype=torch.uint8)

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

with torch.inference_mode():
    for _ in range(3):
        model(images)
    before = pages()
    for _ in range(4):
        model(images)
print((pages() - before) // 4)
"""
ABOUT_MALLOC = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def pages_of_a_pass(first="pixeledu.keep_freed_memory()", **variables) -> int:
    """Measure in a fresh process that runs `first` and has these variables alone about memory."""
    inherited = {name: value for name, value in os.environ.items() if name not in ABOUT_MALLOC}
    done = subprocess.run(
        [sys.executable, "-c", PASSES, first],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def test_a_forward_pass_needs_no_new_memory_from_the_system_unless_the_user_decides_otherwise():
    kept = pages_of_a_pass()
    decided = pages_of_a_pass(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    if has_glibc():
        assert kept < 1000
        assert decided > 5000
    else:  # nothing can be set there, and nothing breaks
        assert abs(kept - decided) < 5000


# What is asked of glibc while a process runs, whoever asks for it.
ASKED = """
import ctypes, sys
class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name == "mallopt":
            print("asked")
        return super().__getattr__(name)
ctypes.CDLL = Library
import pixeledu
from pixeledu import cli
"""


@pytest.mark.skipif(not has_glibc(), reason="there is no glibc to ask")
@pytest.mark.parametrize(
    ("words", "times"),
    [(None, 0), (["data", "prepare", "none", "--out", "set", "--size", "4x4"], 0)]
    + [([command, "--pretrained", "none"], 1) for command in ("evaluate", "sample", "complete")],
)
def test_an_import_changes_nothing_and_a_command_that_computes_keeps_memory(words, times, tmp_path):
    code = ASKED + ("" if words is None else f"cli.main({words})")
    inherited = {name: value for name, value in os.environ.items() if name not in ABOUT_MALLOC}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=inherited, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.split() == ["asked"] * times


@pytest.mark.parametrize("name", ABOUT_MALLOC)
def test_who_sets_a_variable_of_glibc_has_decided(name, monkeypatch):
    monkeypatch.setenv(name, "glibc.malloc.trim_threshold=131072")
    assert memory.keep_freed_memory() is False


def test_other_systems_and_other_c_libraries_are_left_alone(monkeypatch):
    for name in ABOUT_MALLOC:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", None)  # must not even be asked
    assert memory.keep_freed_memory() is False


def test_settings_of_glibc_that_are_not_about_memory_do_not_count(monkeypatch):
    for name in ABOUT_MALLOC:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
    asked = []

    class Library:
        def mallopt(self, option, value):
            asked.append((option, value))
            return 1

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    assert memory.keep_freed_memory() is True
    assert [value for _, value in asked] == [memory.KEPT, memory.SINGLE]
    assert all(value < 2**31 for _, value in asked)  # mallopt takes an int of C
