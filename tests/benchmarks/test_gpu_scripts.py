import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "train.sh"


def train(name, runs, **environment):
    """Run the script as on a GPU machine, with a tiny model."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(SCRIPT), name],
        env={**os.environ, "PATH": path, "RUNS": str(runs), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "name",
    [
        "binarized-mnist-diagonal-bilstm",
        pytest.param("cifar10-gated-pixelcnn", marks=pytest.mark.thorough),
    ],
)
def test_a_part_that_runs_out_of_time_is_continued_by_the_same_line(name, tmp_path):
    first = train(name, tmp_path, REHEARSE="1", LIMIT="0.01")  # too short even for Python to start
    assert first.returncode == 75, first.stderr
    assert "not finished: run the same again" in first.stdout
    second = train(name, tmp_path, REHEARSE="1", LIMIT="7200")
    assert second.returncode == 0, second.stderr
    assert f"{name} is finished" in second.stdout
    assert (tmp_path / name / "best.safetensors").is_file()


def test_an_unknown_model_is_refused_before_anything_runs(tmp_path):
    result = train("binarized-mnist-transformer", tmp_path)
    assert result.returncode == 2
    assert "unknown model binarized-mnist-transformer" in result.stderr
