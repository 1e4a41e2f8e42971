"""Memory that is freed is kept for the next tensor, in every process that imports the package."""

import ctypes
import os
import subprocess
import sys

import pytest

from pixeledu.fast import memory

# Forward passes of a Diagonal BiLSTM, and how many pages of memory the system handed out for each.
PASSES = """
import resource, torch, pixeledu
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


def pages_of_a_pass(**variables) -> int:
    """Measure in a fresh process that has these variables and no others about memory."""
    inherited = {name: value for name, value in os.environ.items() if name not in ABOUT_MALLOC}
    done = subprocess.run(
        [sys.executable, "-c", PASSES],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def test_a_forward_pass_needs_no_new_memory_from_the_system_unless_the_user_decides_otherwise():
    by_default = pages_of_a_pass()
    decided = pages_of_a_pass(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    if has_glibc():
        assert by_default < 1000
        assert decided > 5000
    else:  # nothing can be set there, and nothing breaks
        assert abs(by_default - decided) < 5000


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
