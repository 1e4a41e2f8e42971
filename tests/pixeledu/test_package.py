import json
import subprocess
import sys
from importlib.resources import files

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
    # Measured by the benchmark; here it is seen to that nothing has come that it did not measure.
    text = (files("pixeledu") / "measured" / "import_time.json").read_text()
    (row,) = json.loads(text)["rows"]
    assert row["pixeledu / torch"] <= 1.3

    code = """
import sys, numpy, torch
before = set(sys.modules)
import pixeledu
print(*sys.modules.keys() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    # What torch would load when it is first used: a part of itself, or of Python.
    assert loaded <= {"pixeledu", "torch", *sys.stdlib_module_names}


@pytest.mark.parametrize("name", pixeledu.__all__)
def test_every_public_name_exists_and_says_what_it_does(name):
    assert getattr(pixeledu, name).__doc__
    assert name in dir(pixeledu)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'PixelGAN'"):
        pixeledu.PixelGAN  # noqa: B018
