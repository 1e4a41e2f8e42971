"""How long `import pixeledu` takes beside `import torch`: `python benchmarks/import_time.py`.

Each is timed in fresh processes, in turn, from the start of Python to its end.
"""

import statistics
import subprocess
import sys

import timing


def main() -> None:
    options = timing.read(timing.parser(__doc__, rounds=11))
    seconds = timing.rounds(
        options.rounds, torch=importing("torch"), pixeledu=importing("pixeledu")
    )
    row = {
        "import torch s": statistics.median(seconds["torch"]),
        "import pixeledu s": statistics.median(seconds["pixeledu"]),
        "pixeledu / torch": timing.ratio(seconds["pixeledu"], seconds["torch"]),
    }
    timing.report("import_time", [row], folder=options.out, rounds=options.rounds)


def importing(name: str):
    """Return a function that imports a package in a process of its own."""
    command = [sys.executable, "-c", f"import {name}"]
    return lambda: subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
