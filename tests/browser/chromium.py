"""Find a Chromium for the browser tests; run as a script, get one if there is none.

In this order: the file that PIXELEDU_CHROMIUM names, a Chromium or Chrome of this machine, the one
that Playwright has downloaded. As a script: then also Debian's package (as root), then Playwright's
download. If all fails it says so and ends with an error; the tests are never skipped.

The headless shell comes first: it is Chromium without what shows windows, and the same pages take
it half the time. As root on Debian the script gets it beside a Chromium that is there already.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = (
    "No Chromium for the browser tests. Install Chromium or Google Chrome, or run "
    "`make chromium`, or let PIXELEDU_CHROMIUM name the program."
)


def find() -> str | None:
    """The path of a Chromium that starts, or None.

    Raises:
        RuntimeError: PIXELEDU_CHROMIUM is set and does not start.
    """
    if wanted := os.environ.get("PIXELEDU_CHROMIUM"):
        if starts(wanted):
            return wanted
        raise RuntimeError(f"PIXELEDU_CHROMIUM is {wanted!r}, which does not start as a browser.")
    candidates = [shutil.which(name) for name in NAMES] + list(MAC_APPS) + [_of_playwright()]
    return next((path for path in candidates if path and starts(path)), None)


def is_slow() -> bool:
    """Whether nobody has chosen a browser and the headless shell is not there."""
    return not os.environ.get("PIXELEDU_CHROMIUM") and shutil.which(SHELL) is None


def starts(path: str) -> bool:
    """Whether the program runs: Ubuntu's `chromium-browser` may be a note that it is a snap."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _of_playwright() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install() -> None:
    """Try Debian's package where that can work, then Playwright's download."""
    if _has_packages_of_debian():
        install_package(SHELL)
        if find() is None:
            install_package("chromium")
        if find():
            return
    # The download needs libraries of the system, which only root can add.
    needs = ["--with-deps"] if _has_packages() else []
    _run(sys.executable, "-m", "playwright", "install", *needs, "chromium")


def install_package(name: str) -> None:
    """Try to install a package of the system."""
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-y", "-q", "--no-install-recommends", name)


def _has_packages() -> bool:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return root and shutil.which("apt-get") is not None


def _has_packages_of_debian() -> bool:
    return _has_packages() and "ID=debian" in _os_release()


def _os_release() -> list[str]:
    path = Path("/etc/os-release")
    return path.read_text().splitlines() if path.exists() else []


def _run(*command: str) -> None:
    print("+", *command, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL)


def main() -> None:
    """Make sure that there is a browser, and the fast one where that is easy."""
    if find() is None:
        install()
    elif is_slow() and _has_packages_of_debian():
        install_package(SHELL)
    found = find()
    if found is None:
        sys.exit(MISSING)
    print("Browser for the tests:", found)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
