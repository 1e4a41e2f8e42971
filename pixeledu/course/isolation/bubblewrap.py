"""Walls around the process that runs answers, built by bubblewrap (`bwrap`)."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pixeledu

_SYSTEM = ("usr/bin", "usr/lib", "usr/lib32", "usr/lib64", "bin", "lib", "lib32", "lib64")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_OF_A_PREFIX = ("bin", "lib", "lib32", "lib64", "pyvenv.cfg")
SCRATCH = "/scratch"  # the only folder inside that can be written to


def bubblewrap(storage: int, hidden: Sequence[Path], filter_descriptor: int) -> list[str]:
    """The command that starts a program which sees Python and nothing else.

    It has no network, a process namespace in which it is number 1, and one folder to write to, in
    memory. For root the namespace of users is left out: what is started becomes another user itself.

    Args:
        storage: bytes of the folder that can be written to.
        hidden: folders that must not be seen though they lie inside one that is shown.
        filter_descriptor: of a file with the filter of system calls.
    """
    command = ["bwrap", "--unshare-all", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        namespaces = ("pid", "net", "ipc", "uts", "cgroup-try")
        command = ["bwrap", *(f"--unshare-{name}" for name in namespaces)]
    command += ["--die-with-parent", "--new-session", "--as-pid-1"]
    shown = shown_paths()
    devices = [Path("/dev", name) for name in _DEVICES]
    for folder in sorted({str(parent) for path in [*shown, *devices] for parent in path.parents}):
        # Else it takes the permissions of the real one, which another user may not pass.
        command += [] if folder == "/" else ["--dir", folder]
    for path in shown:
        link = path.is_symlink()
        command += ["--symlink", os.readlink(path), str(path)] if link else _read_only(path)
    for path in devices:
        command += ["--dev-bind", str(path), str(path)]
    command += ["--perms", "1777", "--size", str(storage), "--tmpfs", SCRATCH]
    command += ["--symlink", SCRATCH, "/dev/shm", "--proc", "/proc"]
    if not is_shown(Path("/tmp"), shown) and not any(Path("/tmp") in p.parents for p in shown):
        command += ["--symlink", SCRATCH, "/tmp"]
    for folder in hidden:
        if is_shown(folder, shown):
            command += ["--tmpfs", str(folder.resolve()), "--remount-ro", str(folder.resolve())]
    command += ["--remount-ro", "/", "--chdir", SCRATCH]
    return [*command, "--seccomp", str(filter_descriptor), "--"]


def _read_only(path: Path) -> list[str]:
    return ["--ro-bind", str(path), str(path)]


def shown_paths() -> list[Path]:
    """What an answer sees of this machine: the system's programs and libraries, Python, this package."""
    paths = [Path("/", name) for name in _SYSTEM] + [Path(name) for name in _SETTINGS]
    programs = {Path(sys.executable).resolve().parents[1]}
    for prefix in sorted({sys.prefix, sys.base_prefix, sys.exec_prefix, *map(str, programs)}):
        paths += [Path(prefix, name) for name in _OF_A_PREFIX]
    paths += [Path(name) for name in sys.path if name.endswith(("site-packages", "dist-packages"))]
    paths.append(Path(pixeledu.__file__).resolve().parent)
    paths = [path for path in dict.fromkeys(paths) if path.exists()]
    return [path for path in paths if not any(other in path.parents for other in paths)]


def is_shown(path: Path, shown: Sequence[Path]) -> bool:
    """Whether an answer that sees `shown` sees a file or folder too."""
    real = path.resolve()
    return any(real.is_relative_to(other.resolve()) for other in shown)
