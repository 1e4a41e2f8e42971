"""`make address`: one address, written wherever it is repeated."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "tools"))
import address  # noqa: E402


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of every file that may hold the address."""
    for path in [ROOT / "_config.yml", *address.files_with_addresses(ROOT)]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def files(project: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in sorted(project.rglob("*")) if path.is_file()}


owners = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,10})", fullmatch=True)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}[a-z0-9]", fullmatch=True)
FORMS = [
    "https://github.com/{}/{}",
    "https://github.com/{}/{}.git",
    "https://github.com/{}/{}/",
    "git@github.com:{}/{}.git\n",
    "ssh://git@github.com/{}/{}.git",
]


@given(owners, names, st.sampled_from(FORMS))
def test_every_form_of_an_address_that_git_takes_is_understood(owner, name, form):
    assert address.parse(form.format(owner, name)) == (owner, name)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://gitlab.com/owner/name",
        "https://github.com/owner",
        "https://github.com/owner/name/tree/main",
        "https://github.com.example.org/owner/name",
        f"https://github.com/{address.PLACEHOLDER_OWNER}/name",
    ],
)
def test_anything_else_is_refused_and_changes_nothing(project, url):
    before = files(project)
    with pytest.raises(ValueError, match=r"expected something like https://github\.com/OWNER/REPO"):
        address.set_everywhere(url, project)
    assert files(project) == before


def test_one_command_sets_the_address_everywhere(project):
    changed = address.set_everywhere("git@github.com:Ada-L/pixel-book.git", project)
    assert project / "_config.yml" in changed
    assert project / "README.md" in changed
    assert address.show(project) == "https://github.com/Ada-L/pixel-book"
    assert address.is_published(project)
    for path, text in files(project).items():
        assert address.PLACEHOLDER_OWNER not in text, path


def test_once_there_is_an_address_links_of_notebooks_lead_to_pages_of_the_site(project):
    address.set_everywhere("https://github.com/Ada-L/pixel-book", project)
    links = set()
    for path in project.glob("book/**/*.ipynb"):
        text = path.read_text()
        assert not re.search(r"\]\([^):]*\.(?:ipynb|md)[#)]", text), path
        links |= set(re.findall(r"\]\(https://ada-l\.github\.io/pixel-book/([^)#]*)\.html", text))
    assert len(links) > 20
    for link in links:
        assert any((ROOT / f"{link}{ending}").exists() for ending in (".ipynb", ".md")), link


def test_a_project_that_moves_twice_keeps_nothing_of_its_first_address(project):
    address.set_everywhere("https://github.com/first/pixeledu", project)
    once = files(project)
    assert address.set_everywhere("https://github.com/first/pixeledu", project) == []
    address.set_everywhere("https://github.com/second/other-name", project)
    assert not any("first/" in text for text in files(project).values())
    address.set_everywhere("https://github.com/first/pixeledu", project)
    assert files(project) == once


def test_links_to_other_repositories_stay(project):
    notes = project / "NOTES.md"
    now = address.show(project)
    site = address.site(*now.split("/")[-2:])
    others = f"{now}-notes https://github.com/other/pixeledu"
    notes.write_text(f"{others} {now}. {site}")
    address.set_everywhere("https://github.com/Ada/book", project)
    assert notes.read_text() == f"{others} https://github.com/Ada/book. https://ada.github.io/book/"


def test_publishing_stops_while_the_address_is_the_placeholder(project):
    tools = project / "book" / "tools"
    tools.mkdir(exist_ok=True)
    shutil.copy(ROOT / "book" / "tools" / "address.py", tools)
    config = project / "_config.yml"
    unset = f"https://github.com/{address.PLACEHOLDER_OWNER}/pixeledu"
    config.write_text(config.read_text().replace(address.show(project), unset))

    def publish():
        command = [sys.executable, tools / "address.py", "published"]
        return subprocess.run(command, capture_output=True, text=True)

    stopped = publish()
    assert stopped.returncode == 1
    assert "still the placeholder" in stopped.stderr
    assert "make address" in stopped.stderr
    assert "Traceback" not in stopped.stderr

    address.set_everywhere("https://github.com/ada/book", project)
    assert publish().stdout == "https://github.com/ada/book\n"


def test_nobody_can_register_the_owner_of_the_placeholder():
    assert len(address.PLACEHOLDER_OWNER) > 39
