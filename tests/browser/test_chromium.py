"""Getting a browser for the tests: what is tried, in which order, and what is said if all fails."""

import sys

import chromium
import pytest


@pytest.fixture
def bare_machine(monkeypatch):
    """A machine without a browser, on which every installation fails; returns what was tried."""
    tried = []
    monkeypatch.delenv("PIXELEDU_CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "starts", lambda path: False)
    monkeypatch.setattr(chromium, "_of_playwright", lambda: "/nowhere/chrome")
    monkeypatch.setattr(chromium, "_run", lambda *command: tried.append(" ".join(command)))
    return tried


def be(monkeypatch, user: int, system: str, programs: set[str]) -> None:
    monkeypatch.setattr(chromium.os, "geteuid", lambda: user)
    monkeypatch.setattr(chromium, "_os_release", lambda: [f"ID={system}"])
    monkeypatch.setattr(chromium.shutil, "which", lambda name: name if name in programs else None)


def test_root_on_debian_gets_the_package_and_then_the_download(bare_machine, monkeypatch):
    be(monkeypatch, 0, "debian", {"apt-get"})
    chromium.install()
    assert bare_machine == [
        "apt-get update -q",
        "apt-get install -y -q --no-install-recommends chromium-headless-shell",
        "apt-get update -q",
        "apt-get install -y -q --no-install-recommends chromium",
        f"{sys.executable} -m playwright install --with-deps chromium",
    ]


@pytest.mark.parametrize(
    ("user", "system", "programs", "options"),
    [
        (0, "ubuntu", {"apt-get"}, "--with-deps "),  # its chromium is a snap
        (0, "fedora", set(), ""),
        (1000, "debian", {"apt-get"}, ""),
    ],
)
def test_others_get_the_download(bare_machine, monkeypatch, user, system, programs, options):
    be(monkeypatch, user, system, programs)
    chromium.install()
    assert bare_machine == [f"{sys.executable} -m playwright install {options}chromium"]


@pytest.mark.parametrize(
    ("user", "system", "programs", "gets"),
    [
        (0, "debian", {"apt-get", "chromium"}, True),
        (0, "debian", {"apt-get", "chromium", "chromium-headless-shell"}, False),
        (1000, "debian", {"apt-get", "chromium"}, False),
        (0, "ubuntu", {"apt-get", "chromium"}, False),
    ],
)
def test_where_it_is_easy_the_fast_browser_comes_beside_the_one_that_is_there(
    bare_machine, monkeypatch, user, system, programs, gets
):
    be(monkeypatch, user, system, programs)
    monkeypatch.setattr(chromium, "starts", lambda path: path in programs)
    chromium.main()
    assert any("chromium-headless-shell" in command for command in bare_machine) is gets
    assert not any("playwright" in command for command in bare_machine)


def test_a_browser_that_is_named_and_does_not_start_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PIXELEDU_CHROMIUM", str(tmp_path / "missing"))
    with pytest.raises(RuntimeError, match=r"PIXELEDU_CHROMIUM is .*missing.* does not start"):
        chromium.find()


def test_a_program_that_only_says_where_the_browser_is_does_not_count(tmp_path):
    note = tmp_path / "chromium-browser"
    note.write_text("#!/bin/sh\necho 'this needs the snap'; exit 10\n")
    note.chmod(0o755)
    assert not chromium.starts(str(note))


def test_without_a_browser_the_command_fails_and_says_what_to_do(bare_machine):
    with pytest.raises(SystemExit, match="No Chromium for the browser tests") as stopped:
        chromium.main()
    assert stopped.value.code  # a text: exit code 1
    assert bare_machine
