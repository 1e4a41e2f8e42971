"""The promises that no single module keeps: versions, the address, the documents, the workflows."""

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import sphinxcontrib.katex
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pixeledu
from pixeledu import cli

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "book" / "tools"))
import address  # noqa: E402
import bounds  # noqa: E402
from execute import all_notebooks  # noqa: E402

# What Colab has installed. Installing pixeledu there must not replace any of it.
COLAB_PYTHON = "3.13"
COLAB = {
    "torch": "2.11",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
    "pillow": "11.3.0",
    "ipywidgets": "7.7.1",
    "anywidget": "0.9.21",
    "traitlets": "5.7.1",
    "tqdm": "4.67",
    "safetensors": "0.8",
    "filelock": "3.20",
    "pooch": "1.9",
    "scikit-learn": "1.6.1",
    "mlxtend": "0.23.4",
    "ipython": "7.34",
    "ipykernel": "6.17.1",
    "pytest": "8.4",
}
# What Colab lacks: an extra may add it.
ADDED = {"nbval", "pyseccomp"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BOUNDS = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [
    Requirement(line) for extra in PROJECT["optional-dependencies"].values() for line in extra
]
PINS = [
    Requirement(line.split("#")[0])
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line.split("#")[0].strip()
]
DOCUMENTS = sorted(ROOT.glob("*.md"))
TEXTS = [*DOCUMENTS, ROOT / "CITATION.cff", *address.files_with_addresses(ROOT)]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---- versions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_installing_the_package_in_colab_changes_nothing_there(bound):
    assert bound.name in COLAB, "Colab lacks it: a learner would wait for a download"
    assert bound.specifier.contains(COLAB[bound.name])
    assert {part.operator for part in bound.specifier} == {">="}


@pytest.mark.parametrize("bound", EXTRAS, ids=str)
def test_an_extra_replaces_nothing_in_colab(bound):
    assert {part.operator for part in bound.specifier} == {">="}
    if bound.name not in ADDED:
        assert bound.specifier.contains(COLAB[bound.name])


def test_the_package_runs_on_the_python_of_colab():
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(COLAB_PYTHON)


@pytest.mark.parametrize("bound", BOUNDS + EXTRAS, ids=str)
def test_every_dependency_of_the_package_is_pinned_within_its_bound(bound):
    (pin,) = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(bound.name)]
    (exact,) = pin.specifier
    assert bound.specifier.contains(exact.version)


@pytest.mark.parametrize("pin", PINS, ids=str)
def test_every_pin_is_exact_and_installed(pin):
    (exact,) = pin.specifier
    assert exact.operator == "=="
    assert pin.url is None
    assert version(pin.name).split("+")[0] == exact.version


def test_torch_is_the_first_pin():
    assert PINS[0].name == "torch"


def test_no_setting_names_a_package_registry():
    places = ["Makefile", "requirements.txt", "pyproject.toml", ".ci/run"]
    places += [str(path.relative_to(ROOT)) for path in (ROOT / ".github").rglob("*.yml")]
    for place in places:
        assert not re.search(r"index-url|find-links|trusted-host|pypi\.org|npmjs", read(place)), (
            place
        )


def test_the_style_of_formulas_fits_the_katex_that_draws_them():
    style = read("book/_site/katex/katex.min.css")
    assert f'content:"{sphinxcontrib.katex.katex_version}"' in style
    for font in set(re.findall(r"fonts/[\w-]+\.woff2", style)):
        assert (ROOT / "book" / "_site" / "katex" / font).stat().st_size > 1000


# ---- the address ------------------------------------------------------------------------------

REPEATS = (
    r"git\+https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?(?![\w.-])",
    r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)",
    r"repository-code: \"https://github\.com/([^\"]+)\"",
    rf"({address.PLACEHOLDER_OWNER}/[\w-]+)",
)


def test_every_text_repeats_the_one_address_of_the_project():
    expected = address.show().removeprefix("https://github.com/")
    for path in TEXTS:
        for pattern in REPEATS:
            found = set(re.findall(pattern, path.read_text(encoding="utf-8")))
            assert found <= {expected}, f"{path.name}: run `make address`"


def test_every_chapter_installs_the_package_from_the_project_s_address():
    for path in all_notebooks(ROOT / "book"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        assert f'git+{address.show()}"' in code, path.name


# ---- documents --------------------------------------------------------------------------------


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_readme_begins_with_the_two_commands():
    first = code_blocks(read("README.md"), "console")[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make book", "make test"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_command_in_a_document_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"(?:`|^|&& )make ([a-z-]+)", text, re.MULTILINE)
    assert set(commands) <= targets


def test_every_python_example_in_the_readme_runs(tmp_path):
    blocks = code_blocks(read("README.md"), "python")
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "bits per dimension" in done.stdout


def test_every_command_line_in_the_readme_is_understood(capsys):
    lines = re.findall(r"-m pixeledu (\w+)(.*)", read("README.md"))
    assert {command for command, _ in lines} >= {"train", "evaluate", "sample", "complete"}
    for command, rest in lines:
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
        help_text = capsys.readouterr().out
        for option in re.findall(r"--[\w-]+", rest):
            assert option in help_text, f"{command} has no {option}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_exists(path):
    text = re.sub(
        r"`[^`\n]+`", "", path.read_text(encoding="utf-8")
    )  # what shows how to write a link
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_the_reference_page_names_everything_that_the_package_offers():
    page = read("book/reference/api.md")
    named = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)$", page, re.MULTILINE))
    assert named >= set(pixeledu.__all__)


def test_every_term_of_the_glossary_has_its_chinese_name():
    entries = read("book/reference/glossary.md").split(":::{glossary}\n")[1].split("\n:::")[0]
    definitions = [entry.splitlines() for entry in entries.split("\n\n")]
    terms = [lines for lines in definitions if not lines[0].startswith(" ")]
    assert len(terms) > 40
    for lines in terms:
        first = next(line for line in lines if line.startswith(" "))
        assert re.match(r"  [^·]*[\u4e00-\u9fff][^·]* · \S", first), lines[0]


def test_the_table_of_contents_lists_every_page():
    toc = yaml.safe_load(read("_toc.yml"))
    listed = {toc["root"]} | {page["file"] for part in toc["parts"] for page in part["chapters"]}
    texts = [p for p in (ROOT / "book").rglob("*.md") if "source" not in p.parts]
    pages = [*all_notebooks(ROOT / "book"), *texts]
    names = {path.relative_to(ROOT).with_suffix("").as_posix() for path in pages}
    assert listed == names


def test_the_citation_file_is_complete_and_current():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "abstract", "license"} <= set(citation)
    assert citation["authors"] == [{"name": "pixeledu contributors"}]
    assert str(citation["version"]) == PROJECT["version"] == pixeledu.__version__


def test_the_changelog_has_an_entry_for_this_version_or_for_the_next():
    assert re.search(rf"^## \[(Unreleased|{PROJECT['version']})\]", read("CHANGELOG.md"), re.M)


# ---- commands and workflows -------------------------------------------------------------------


def test_the_check_of_the_project_is_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert re.search(r"^make test </dev/null$", script.read_text(), re.MULTILINE)


WORKFLOWS = [path.name for path in sorted((ROOT / ".github" / "workflows").iterdir())]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_asks_for_no_more_rights_than_it_needs(name):
    workflow = yaml.safe_load(read(f".github/workflows/{name}"))
    assert workflow["permissions"] == {"contents": "read"}
    for job_name, job in workflow["jobs"].items():
        rights = {"pages": "write", "id-token": "write"} if job_name == "deploy" else None
        assert job.get("permissions") == rights


def test_the_workflow_publishes_only_what_passed_and_only_with_an_address():
    jobs = yaml.safe_load(read(".github/workflows/publish.yml"))["jobs"]
    assert set(jobs) == {"test", "address", "deploy"}
    assert set(jobs["deploy"]["needs"]) == {"test", "address"}
    (address_check,) = [step["run"] for step in jobs["address"]["steps"] if "run" in step]
    assert address_check == "python3 book/tools/address.py published"

    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    steps = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["test"]["steps"]
    words = [step.get("run") or step["uses"] for step in steps]
    checked = words.index(".ci/run")
    kept = [place for place, word in enumerate(words) if "upload-pages-artifact" in word]
    assert kept == [checked + 1]  # the folder that the tests have just read
    assert steps[kept[0]]["with"] == {"path": "_build/html"}
    assert words.index("make pdf") > checked


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_runs_the_very_code_of_an_action_that_was_looked_at(name):
    actions = re.findall(r"uses: (?!\./)(.*)", read(f".github/workflows/{name}"))
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_the_tests_run_on_every_python_that_the_package_allows_and_on_two_systems():
    jobs = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]
    runs = jobs["test"]["strategy"]["matrix"]["include"]
    on_linux = {run["python"] for run in runs if run["system"].startswith("ubuntu")}
    assert on_linux == {"3.11", "3.12", "3.13"}
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains("3.11")
    assert COLAB_PYTHON in on_linux
    assert any(run["system"].startswith("macos") for run in runs)
    assert jobs["bounds"]["steps"][-1]["run"] == "make bounds TORCH=lowest"


def test_make_bounds_takes_the_oldest_version_of_every_dependency():
    assert [pin.replace("==", ">=") for pin in bounds.lowest()] == [str(bound) for bound in BOUNDS]


def test_a_python_that_is_too_old_is_refused_with_a_way_out(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.6" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "book" / "tools" / "make_venv.sh", tmp_path / "venv", old],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; this machine has: Python 3.9.6" in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (tmp_path / "venv").exists()
