import re
import subprocess
import sys

import pytest

import pixeledu

HEAVY = [
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "tqdm",
    "pooch",
    "sklearn",
    "mlxtend",
    "safetensors",
]


def test_importing_the_package_loads_torch_and_numpy_alone():
    code = f"""
import sys, numpy, torch
before = set(sys.modules)
import pixeledu
print(*[name for name in {HEAVY} if name in sys.modules.keys() - before])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_package_takes_at_most_1_3_times_as_long_as_importing_torch():
    # Cumulative microseconds of a package stand behind all that it imports. Since torch is there
    # already, those of pixeledu are what it adds.
    command = [sys.executable, "-X", "importtime", "-c", "import torch, pixeledu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pattern = r"^import time: +\d+ \| +(\d+) \| (torch|pixeledu)$"
    microseconds = {n: int(us) for us, n in re.findall(pattern, done.stderr, re.MULTILINE)}
    assert set(microseconds) == {"torch", "pixeledu"}
    assert sum(microseconds.values()) <= 1.3 * microseconds["torch"], microseconds


@pytest.mark.parametrize("name", pixeledu.__all__)
def test_every_public_name_exists_and_says_what_it_does(name):
    assert getattr(pixeledu, name).__doc__
    assert name in dir(pixeledu)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'PixelGAN'"):
        pixeledu.PixelGAN  # noqa: B018
