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


@pytest.mark.parametrize("name", pixeledu.__all__)
def test_every_public_name_exists_and_says_what_it_does(name):
    assert getattr(pixeledu, name).__doc__
    assert name in dir(pixeledu)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'PixelGAN'"):
        pixeledu.PixelGAN  # noqa: B018
