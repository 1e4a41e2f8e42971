"""`import pixeledu` costs hardly more than `import torch`."""

import json
import re
import subprocess
import sys


def python(code: str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_importing_pixeledu_takes_at_most_1_3_times_as_long_as_importing_torch():
    # Cumulative microseconds of a package stand behind all that it imports. Since torch is there
    # already, those of pixeledu are what it adds.
    printed = python("import torch, pixeledu", "-X", "importtime").stderr
    found = re.findall(r"^import time: +\d+ \| +(\d+) \| (torch|pixeledu)$", printed, re.MULTILINE)
    microseconds = {name: int(number) for number, name in found}
    assert set(microseconds) == {"torch", "pixeledu"}
    assert sum(microseconds.values()) <= 1.3 * microseconds["torch"], microseconds


def test_importing_pixeledu_loads_no_package_but_torch_and_numpy():
    code = """
import json, sys, torch, numpy
def packages(): return {name.split(".")[0] for name in sys.modules}
before = packages()
import pixeledu
print(json.dumps(sorted(packages() - before - sys.stdlib_module_names)))
"""
    assert json.loads(python(code).stdout) == ["pixeledu"]
