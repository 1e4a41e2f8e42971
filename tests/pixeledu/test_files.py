"""A folder belongs to one process at a time; a file is written where a file can be."""

import errno
import multiprocessing
import os
import signal

import pytest

from pixeledu.files import LOCK, only_user_of, write_atomically

context = multiprocessing.get_context("spawn")


def hold(folder, pipe):
    """Hold the folder until told to let it go."""
    with only_user_of(folder, "training"):
        pipe.send("held")
        pipe.recv()
    pipe.send("let go")
    pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder, and a pipe to it."""
    mine, its = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, its))
    process.start()
    assert mine.recv() == "held"
    yield process, mine
    process.kill()
    process.join()


def test_a_second_process_is_refused_in_words_and_let_in_later(tmp_path, holder):
    _, pipe = holder
    for _ in range(2):
        with (
            pytest.raises(
                OSError, match=r"another process is training in .*: wait for it"
            ) as error,
            only_user_of(tmp_path, "training"),
        ):
            pass
        assert error.value.errno == errno.EAGAIN
    pipe.send("let go")
    assert pipe.recv() == "let go"
    with only_user_of(tmp_path, "training"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
def test_when_the_holder_is_killed_the_folder_is_free(tmp_path, holder):
    process, _ = holder
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with only_user_of(tmp_path, "training"):
        assert (tmp_path / LOCK).exists()


def test_an_error_inside_lets_the_folder_go(tmp_path):
    with pytest.raises(ZeroDivisionError), only_user_of(tmp_path, "training"):
        raise ZeroDivisionError
    with only_user_of(tmp_path, "training"):
        pass


def test_other_folders_are_free(tmp_path, holder):
    (tmp_path / "other").mkdir()
    with only_user_of(tmp_path / "other", "training"):
        pass


def test_a_drive_that_knows_no_locks_is_used_without_one(tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr("filelock.FileLock._acquire", unknown)
    with only_user_of(tmp_path, "training"):
        pass


def test_what_lies_in_the_place_of_the_lock_is_named(tmp_path):
    (tmp_path / LOCK).mkdir()
    message = r"\.lock cannot be locked: Is a directory. Move it away"
    with pytest.raises(OSError, match=message), only_user_of(tmp_path, "training"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes with names")
@pytest.mark.parametrize("through_a_link", [False, True])
def test_a_pipe_is_not_replaced_by_a_file(tmp_path, through_a_link):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    place = tmp_path / ("link" if through_a_link else "pipe")
    with pytest.raises(OSError, match="could not be written: there is something that is no reg"):
        write_atomically(place, b"content")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights")
def test_a_link_to_a_file_or_to_nothing_is_replaced_by_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    for target in ("file", "nothing"):
        (tmp_path / target).with_suffix(".link").symlink_to(target)
        write_atomically(tmp_path / f"{target}.link", b"new")
        assert (tmp_path / f"{target}.link").read_bytes() == b"new"
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "nothing").exists()
