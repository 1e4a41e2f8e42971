"""Inside the process that runs answers: what it can reach is taken away before the first answer.

Three walls, each as far as the system allows: a file system that holds Python and nothing else, a
user with no rights, and limits on time, memory, file size and processes.
"""

import contextlib
import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

FIRST_USER = 610_000  # no account has such a number; each process beside others takes its own


@dataclass(frozen=True)
class Limits:
    """Hold what an answer may use, besides the seconds of its task.

    Args:
        memory: bytes of address space of each process.
        file_size: bytes of the largest file, and of the scratch folder.
        processes: processes and threads at the same time.
    """

    memory: int = 4 * 2**30
    file_size: int = 64 * 2**20
    processes: int = 32


def enclose(scratch: Path, user: int | None, private_root: bool, limits: Limits) -> None:
    """Give up what an answer must not have; there is no way back.

    Args:
        scratch: an empty folder, the only one that can be written to.
        user: number of the user to become, for a process that is root; None stays who it is.
        private_root: this process has mounts of its own (see `unshare`): hide all files but
            Python's.
        limits: see `Limits`; those of a single task are set by `limit_task`.
    Raises:
        OSError: the system refuses, or the user cannot read Python's files.
    """
    with contextlib.suppress(OSError):  # if memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    if private_root:
        _enter_private_root(scratch, limits)
    elif user is not None:
        os.chown(scratch, user, user)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    for folder in _folders_of_python():
        if not os.access(folder, os.R_OK | os.X_OK):
            raise PermissionError(f"answers run as the user {user}, who cannot read {folder}")
    if sys.platform == "linux":
        _drop_capabilities()
    os.environ["HOME"] = "/home" if private_root else str(scratch)
    os.environ["TMPDIR"] = "/scratch" if private_root else str(scratch)
    os.chdir(os.environ["TMPDIR"])
    _limit(resource.RLIMIT_AS, limits.memory)
    _limit(resource.RLIMIT_FSIZE, limits.file_size)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 256)


def limit_task(limits: Limits, seconds: int) -> None:
    """Set the limits of one task, for a process that was forked for it.

    Args:
        limits: see `Limits`.
        seconds: of a processor, so that a busy machine makes no answer fail.
    """
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_NPROC, limits.processes)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


# --- A root of its own ----------------------------------------------------------------------------

_READ_ONLY, _BIND, _REMOUNT, _RECURSIVE, _PRIVATE = 1, 4096, 32, 16384, 1 << 18
_NO_SUID, _NO_DEV, _NO_EXEC = 2, 4, 8
_DETACH = 2
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime")
_DEVICES = ("null", "zero", "full", "random", "urandom")


def _enter_private_root(scratch: Path, limits: Limits) -> None:
    """Build a root from Python's own folders, read-only, and leave the real one behind."""
    root = str(scratch)
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NO_SUID | _NO_DEV, f"size={limits.file_size},mode=755")
    for folder in dict.fromkeys([*_SYSTEM, *_SETTINGS, *_folders_of_python()]):
        _show(folder, root)
    for name in _DEVICES:
        _show(f"/dev/{name}", root, writable=True)
    for name in ("scratch", "home", "dev/shm"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
        os.chmod(f"{root}/{name}", 0o1777)
    if not os.path.exists(
        f"{root}/tmp"
    ):  # else Python itself lies in it, and nobody may write there
        os.symlink("scratch", f"{root}/tmp")
    os.makedirs(f"{root}/proc")
    _mount("proc", f"{root}/proc", "proc", _NO_SUID | _NO_DEV | _NO_EXEC)
    os.makedirs(f"{root}/.old")
    _system_call("pivot_root", root.encode(), f"{root}/.old".encode())
    os.chdir("/")
    _system_call("umount2", b"/.old", _DETACH)
    os.rmdir("/.old")


def _folders_of_python() -> list[str]:
    """Where Python, its packages and this package lie; a folder before those inside it."""
    package = str(Path(__file__).resolve().parents[2])
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, package}
    found |= {path for path in sys.path if "site-packages" in path or "dist-packages" in path}
    found |= {str(Path(sys.executable).resolve().parents[1])}
    return sorted(path for path in found if os.path.isdir(path) and path != "/")


def _show(path: str, root: str, writable: bool = False) -> None:
    """Let a file or folder appear at the same place below the new root."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT, 0o644))
    _mount(path, target, None, _BIND)
    if not writable:
        # The system insists on keeping what the original mount forbids.
        kept = os.statvfs(target).f_flag & (_NO_SUID | _NO_DEV | _NO_EXEC)
        _mount("none", target, None, _REMOUNT | _BIND | _READ_ONLY | kept)


# --- System calls that Python does not have ------------------------------------------------------


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    names = (source.encode(), target.encode(), kind.encode() if kind else None)
    _system_call("mount", *names, ctypes.c_ulong(flags), options.encode())


def _drop_capabilities() -> None:
    """Lose the powers of root inside a namespace, and the way to get them back by running a program."""
    no_new_privileges = 38
    _system_call("prctl", no_new_privileges, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _system_call("capset", header, (ctypes.c_uint32 * 6)())


def _system_call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
