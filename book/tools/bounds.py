"""Make an environment with the oldest versions that pyproject.toml allows.

    python book/tools/bounds.py FOLDER [--torch]

What the tests need beyond the package's dependencies is found in the environment that runs this
script. So is PyTorch: its oldest version comes with gigabytes of CUDA; `--torch` asks for it.
"""

import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def main(folder: str, *options: str) -> None:
    """Make the environment anew."""
    wanted = [pin for pin in lowest() if "--torch" in options or not pin.startswith("torch==")]
    venv.create(folder, with_pip=True, clear=True)
    python = Path(folder) / "bin" / "python"
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    subprocess.run([*install, *wanted], check=True)
    # The one that came with Python is older than what builds the package.
    subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "setuptools"], check=True)
    print("installed", *wanted)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    # Searched after the environment's own packages.
    rest = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(own.stdout.strip()) / "zz_the_rest.pth").write_text(rest)


def lowest() -> list[str]:
    """The oldest version of each dependency of the package that its bound allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = [Requirement(line) for line in project["dependencies"]]
    return [f"{bound.name}=={part.version}" for bound in bounds for part in bound.specifier]


if __name__ == "__main__":
    main(*sys.argv[1:])
