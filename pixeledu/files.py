"""Files that are whole at every moment, and folders that one process has for itself."""

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pixeledu.checks import wrong

LOCK = ".lock"


def checked_path(name: str, path: str | Path) -> Path:
    """Accept what can be the name of a file or folder.

    Raises:
        ValueError: it is of another kind, or no name at all.
    """
    named = isinstance(path, str | os.PathLike) and isinstance(os.fspath(path), str)
    if not named or not os.fspath(path) or "\0" in os.fspath(path):
        raise wrong(name, "be a path, as a str or a pathlib.Path", path)
    return Path(path)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file so that at every moment the old content or the new one is there, whole.

    Raises:
        OSError: it cannot be written, or `path` is a folder, a device or a pipe; the old content and
            no other file is left.
    """
    path = Path(path)
    if not path.name:
        raise wrong("path", "name a file", path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():  # a device, say: it would be replaced
            raise OSError(errno.EINVAL, "there is something that is no regular file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def _remove(temporary: Path) -> None:
    # A second error here (the folder is gone, or is a file) would only hide the first.
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def with_header(magic: bytes, header: dict, rest: bytes) -> bytes:
    """Return the content of a file: magic, CRC-32 of what follows, length of the header, header, rest.

    Args:
        magic: four bytes that tell what kind of file it is.
        header: what JSON can hold.
        rest: all else.
    """
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    content = len(text).to_bytes(4, "little") + text + rest
    return magic + zlib.crc32(content).to_bytes(4, "little") + content


def header_and_rest(content: bytes) -> tuple[dict, bytes]:
    """Take the content of a file of `with_header` apart, its checksum verified.

    Args:
        content: all of it; the caller has looked at the magic, which tells whose file it is.

    Raises:
        ValueError: it is damaged; the message ends a sentence that names the file.
    """
    end = 12 + int.from_bytes(content[8:12], "little")
    if zlib.crc32(content[8:]) != int.from_bytes(content[4:8], "little"):
        raise ValueError("its content does not match its checksum")
    try:
        header = json.loads(content[12:end])
    except (ValueError, RecursionError) as error:
        raise ValueError("its header cannot be read") from error
    if not isinstance(header, dict) or end > len(content):
        raise ValueError("its header cannot be read")
    return header, content[end:]


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove what writers of these files that were killed have left; nobody may be writing them."""
    for name in names:
        for leftover in folder.glob(f".{name}.*.tmp"):
            leftover.unlink()


def cannot_write(path: Path, error: OSError) -> OSError:
    """Return an error of the same kind that says what to do."""
    return OSError(
        error.errno,
        f"{path} could not be written: {error.strerror or error}. What was there before is "
        f"untouched; free some space or choose another place, and run the same again",
    )


@contextlib.contextmanager
def only_user_of(folder: Path, doing: str) -> Iterator[None]:
    """Refuse a second process in the folder; the system lets go when the first one dies.

    Raises:
        OSError: there is one, which is said to be `doing` something there; or the folder cannot be
            locked.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise OSError(
            errno.EAGAIN,
            f"another process is {doing} in {folder}: wait for it, or choose another folder",
        ) from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"{folder / LOCK} cannot be locked: {error.strerror or error}. Move it away, or choose "
            f"another folder",
        ) from error
    except NotImplementedError:  # some network drives know no locks
        pass
    try:
        yield
    finally:
        lock.release()
