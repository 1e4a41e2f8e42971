"""A folder belongs to one process at a time, and to nobody when that one has died."""

import errno
import multiprocessing
import os
import signal

import pytest

from pixeledu.files import LOCK, only_user_of

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
