"""The figures in `pixeledu/measured` travel with the package: pages of the book read them."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "pixeledu" / "measured").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_is_whole_and_says_what_it_depends_on(path):
    record = json.loads(path.read_text())
    assert record["benchmark"] == path.stem
    assert record["rows"]
    assert {"processor", "torch", "python"} <= set(record["conditions"])


def test_an_installed_package_has_every_result(tmp_path):
    unused = shutil.ignore_patterns("__pycache__", "*.safetensors")
    shutil.copytree(ROOT / "pixeledu", tmp_path / "pixeledu", symlinks=True, ignore=unused)
    shutil.copytree(ROOT / "pixeledu" / "measured", tmp_path / "benchmarks" / "results")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if name.startswith("pixeledu/measured/")} == {
        f"pixeledu/measured/{path.name}" for path in RESULTS
    }


def test_no_file_of_the_project_is_a_link():
    """Windows and ZIP archives make text files of links."""
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True)
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []
