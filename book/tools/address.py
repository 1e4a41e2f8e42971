"""Where the project lives on GitHub: one line of _config.yml, and the files that repeat it.

python3 book/tools/address.py show        print it
python3 book/tools/address.py published   fail while it is still the placeholder
python3 book/tools/address.py set [URL]   write it everywhere (default: git's remote `origin`)

Needs nothing but Python, so that it works before anything is installed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Longer than the 39 characters that GitHub allows: nobody can register it and serve other code.
PLACEHOLDER_OWNER = "set-this-with-make-address-before-publishing"
CONFIG_LINE = re.compile(r"^(  url: )(https://github\.com/([\w.-]+)/([\w.-]+))$", re.MULTILINE)
PLACES = ("*.md", "*.cff", "*.toml", "book/**/*.md", "book/**/*.ipynb")
# A link of a notebook to another file of the book. In Colab it leads nowhere.
RELATIVE = re.compile(r"\]\((?!\w+:)([\w./-]+)\.(?:ipynb|md)(#[\w.-]+)?\)")


def show(root: Path = ROOT) -> str:
    """The address in _config.yml, such as https://github.com/owner/name."""
    return _config_match(root)[2]


def is_published(root: Path = ROOT) -> bool:
    """Whether somebody has set the address."""
    return _config_match(root)[3] != PLACEHOLDER_OWNER


def set_everywhere(url: str, root: Path = ROOT) -> list[Path]:
    """Replace the address in _config.yml and in every file that repeats it.

    Links of notebooks to other pages of the book become links to the site, which work in Colab; the
    extension `plain_links` makes them relative again for the site itself.

    Args:
        url: any form that git takes: https, ssh, with or without `.git`.
        root: the project's folder.
    Returns:
        The files that changed.
    Raises:
        ValueError: `url` is no GitHub repository.
    """
    owner, name = parse(url)
    match = _config_match(root)
    swaps = {
        f"github.com/{match[3]}/{match[4]}": f"github.com/{owner}/{name}",
        # Colab's links and the site on GitHub Pages name the repository in their own way.
        f"/github/{match[3]}/{match[4]}": f"/github/{owner}/{name}",
        f"{match[3].lower()}.github.io/{match[4]}": f"{owner.lower()}.github.io/{name}",
    }
    changed = []
    for path in [root / "_config.yml", *files_with_addresses(root)]:
        old = path.read_text(encoding="utf-8")
        new = old
        for before, after in swaps.items():
            # Not inside a longer name: …/pixeledu must not match …/pixeledu-notes.
            new = re.sub(rf"{re.escape(before)}(?![\w-])", after, new)
        if path.suffix == ".ipynb":
            new = _with_links_to(site(owner, name), new, path.parent, root)
        if new != old:
            _write(path, new)
            changed.append(path)
    return changed


def site(owner: str, name: str) -> str:
    """Where GitHub Pages shows the book of a repository."""
    return f"https://{owner.lower()}.github.io/{name}/"


def _with_links_to(site: str, text: str, folder: Path, root: Path) -> str:
    def absolute(link: re.Match) -> str:
        page = os.path.relpath(folder / link[1], root).replace(os.sep, "/")
        return f"]({site}{page}.html{link[2] or ''})"

    return RELATIVE.sub(absolute, text)


def parse(url: str) -> tuple[str, str]:
    """The owner and the name in a repository's address."""
    match = re.fullmatch(
        r"(?:https://|ssh://git@|git@|git://)?(?:www\.)?github\.com[/:]"
        r"([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/([\w.-]+?)(?:\.git)?/?",
        url.strip(),
    )
    if not match:
        raise ValueError(
            f"{url!r} is not the address of a GitHub repository; "
            "expected something like https://github.com/OWNER/REPO"
        )
    return match[1], match[2]


def files_with_addresses(root: Path) -> list[Path]:
    """The files that may repeat the address, in and beside the book."""
    found = {path for place in PLACES for path in root.glob(place)}
    return sorted(p for p in found if not any(q.startswith(".") for q in p.relative_to(root).parts))


def _config_match(root: Path) -> "re.Match[str]":
    match = CONFIG_LINE.search((root / "_config.yml").read_text(encoding="utf-8"))
    if not match:
        raise ValueError("_config.yml has no line `  url: https://github.com/OWNER/REPO`")
    return match


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _origin() -> str:
    asked = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True
    )
    if asked.returncode:
        raise ValueError(
            "git knows no remote `origin` here. Name the address: "
            "make address URL=https://github.com/OWNER/REPO"
        )
    return asked.stdout


def main(arguments: list) -> None:
    """Do what the command line says."""
    command, *rest = arguments or ["show"]
    if command == "set":
        changed = set_everywhere(rest[0] if rest else _origin())
        print(f"The project's address is {show()}")
        for path in changed:
            print(f"  changed {path.relative_to(ROOT)}")
    elif command == "published" and not is_published():
        raise ValueError(
            f"The project's address is still the placeholder {show()}. "
            "Run `make address` (or `make address URL=https://github.com/OWNER/REPO`), "
            "commit what it changed, and publish again."
        )
    elif command in ("show", "published"):
        print(show())
    else:
        raise ValueError(f"unknown command {command!r}; expected show, published or set [URL]")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
