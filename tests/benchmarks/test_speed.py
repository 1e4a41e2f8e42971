"""The benchmarks of speed run anywhere, and count what they say they count."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import build_model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "gpu" / "speed.sh"
sys.path.append(str(BENCHMARKS))
import compiled_steps  # noqa: E402
import memory_kept  # noqa: E402
import sample_speed  # noqa: E402
import timing  # noqa: E402
import train_speed  # noqa: E402
import work  # noqa: E402

CPU = torch.device("cpu")
MODELS = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
# What a bare GPU machine lacks.
MISSING = ("sklearn", "scipy", "pooch", "matplotlib", "mlxtend", "threadpoolctl", "anywidget")
BARE = f"""
import sys
for name in {MISSING}:
    sys.modules[name] = None
"""


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def rehearse(tmp_path, monkeypatch):
    """Rehearse a benchmark in this process; returns the JSON that it writes."""

    def run(script, *words) -> dict:
        command = [script.__file__, *words, "--rehearse", "--out", str(tmp_path / "results")]
        monkeypatch.setattr(sys, "argv", command)
        script.main()
        (path,) = (tmp_path / "results").glob("*.json")
        return json.loads(path.read_text())

    return run


def on_bare_gpu_machine(tmp_path, *words, **variables) -> subprocess.CompletedProcess:
    """Run the script for a GPU machine without the packages such a machine lacks."""
    (tmp_path / "sitecustomize.py").write_text(BARE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"} | variables
    return subprocess.run(
        ["bash", SCRIPT, *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


# ---- the scripts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [("train", "forms", "--models", "pixelcnn", "--forms", "bf16"), ("imagenet", "step")],
    ids=lambda words: words[0],
)
def test_a_bare_gpu_machine_has_all_that_a_table_needs(tmp_path, words):
    done = on_bare_gpu_machine(tmp_path, *words, "--rehearse", OUT=str(tmp_path / "results"))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").glob("*.json")
    assert path.stem == "_".join([*words[:2], "cpu"])
    assert json.loads(path.read_text())["rows"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("train forms", "train_speed.py forms --minutes 6 --device cuda"),
        ("train growth", "train_speed.py growth --minutes 6 --device cuda"),
        ("sample methods", "sample_speed.py methods --minutes 6 --device cuda"),
        ("sample growth --models row-lstm", "sample_speed.py growth --minutes 6 --models row-lstm"),
        ("imagenet step", "imagenet_step.py --device cuda"),
        ("imagenet step --rehearse", "imagenet_step.py --rehearse --device cpu"),
    ],
)
def test_each_line_starts_its_table_on_the_gpu(tmp_path, words, command):
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = on_bare_gpu_machine(tmp_path, *words.split(), PATH=path)
    assert done.stdout.startswith(f"{BENCHMARKS}/{command}")


def test_a_table_that_does_not_exist_is_refused():
    done = subprocess.run(["bash", SCRIPT, "train", "faster"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "one of the five lines" in done.stderr


def test_a_rehearsal_leaves_the_measured_figures_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["", "growth", "--models", "pixelcnn", "--rehearse"])
    train_speed.main()
    assert not list(tmp_path.iterdir())


def test_the_table_of_forms_has_every_model_in_every_form(rehearse, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)  # takes half a minute a model
    result = rehearse(train_speed, "forms")
    forms = {"NCHW", "eager", "compiled", "bf16", "compiled bf16"}  # graphs need a GPU
    rows = {(row["model"], row["form"]): row for row in result["rows"]}
    assert set(rows) == {(model, form) for model in MODELS for form in forms}
    for (model, form), row in rows.items():
        assert row["loss as eager's"]
        assert row["step adds MB"] is None or row["step adds MB"] >= 0
        peak = result["machine"]["peak_flops"]["bfloat16" if "bf16" in form else "float32"]
        done = result["tasks"][model]["flops"] / (row["ms"] / 1000)
        assert row["of peak %"] == pytest.approx(100 * done / peak)


def test_a_form_that_gives_another_loss_is_noticed(rehearse, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model: lambda images: 1.01 * model(images))
    result = rehearse(train_speed, "forms", "--models", "pixelcnn", "--forms", "compiled")
    assert [row["loss as eager's"] for row in result["rows"]] == [True, False]


def test_the_table_of_methods_draws_the_same_images_with_each(rehearse):
    result = rehearse(sample_speed, "methods")
    assert [row["model"] for row in result["rows"]] == list(MODELS)
    assert all(row["like cached"] and row["like naive %"] > 95 for row in result["rows"])


@pytest.mark.parametrize("script", [train_speed, sample_speed], ids=lambda script: script.__name__)
def test_the_tables_of_growth_fit_an_exponent_to_each_size(rehearse, script):
    result = rehearse(script, "growth", "--models", "row-lstm")
    exponents = result["exponents"]["row-lstm"]
    assert set(exponents) == {"batch", "size", "hidden", "layers"}
    for what, fitted in exponents.items():
        rows = [row for row in result["rows"] if row["grows"] == what]
        sizes, times = [row["value"] for row in rows], [row["ms"] for row in rows]
        assert fitted == pytest.approx(work.exponent(sizes, times))


def test_models_that_are_measured_again_leave_the_rows_of_the_others(rehearse):
    first = rehearse(train_speed, "growth", "--models", "row-lstm", "diagonal-bilstm")
    second = rehearse(train_speed, "growth", "--models", "row-lstm", "pixelcnn")

    def rows_of(model, result):
        return [row for row in result["rows"] if row["model"] == model]

    models = list(dict.fromkeys(row["model"] for row in second["rows"]))
    assert models == ["pixelcnn", "row-lstm", "diagonal-bilstm"]
    assert set(second["exponents"]) == set(models)
    assert rows_of("diagonal-bilstm", second) == rows_of("diagonal-bilstm", first)
    assert rows_of("row-lstm", second) != rows_of("row-lstm", first)
    assert len(rows_of("row-lstm", second)) == len(rows_of("row-lstm", first))


def test_all_forms_of_a_step_draw_the_same_row(rehearse, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    result = rehearse(compiled_steps)
    forms = [row["form"] for row in result["rows"]]
    assert forms == ["the package", "pure", "compiled step", "compiled row"]
    assert all(row["same values"] for row in result["rows"])


def test_kept_memory_is_measured_in_fresh_processes(rehearse):
    (row,) = rehearse(memory_kept)["rows"]
    assert row["as it comes ms"] > 0
    assert row["kept peak MB"] > 50  # what PyTorch alone takes


def test_a_training_step_is_measured_like_a_forward_pass():
    task = {"model": "row-lstm", "work": "training", **memory_kept.TINY}
    assert memory_kept.measure(task)["ms"] > 0


# ---- what is counted --------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_weights_that_count_are_those_that_a_gradient_reaches(name, channels):
    torch.manual_seed(0)
    model = build_model(name, channels=channels, hidden=8, layers=2).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()  # so that few ReLUs rest
    model(torch.randint(2, (32, channels, 12, 12))).square().sum().backward()
    counted = work.flops_of_pass(model, images=1, pixels=1) // 2
    weights = [
        weight
        for weight_name, weight in model.named_parameters()
        if weight.dim() > 1 and "outside" not in weight_name
    ]
    reached = sum(torch.count_nonzero(weight.grad).item() for weight in weights)
    assert 0.9 * counted < reached <= counted


@given(
    h=st.integers(1, 9),
    layers=st.integers(1, 4),
    images=st.integers(1, 9),
    pixels=st.integers(1, 99),
)
def test_flops_are_those_of_the_formulas_of_the_paper(h, layers, images, pixels):
    first, head = 24 * 2 * h, 2 * h * 2 * h + 2 * h * 2  # 7×7 with mask A sees 24 pixels; 2 levels
    blocks = {
        "pixelcnn": 2 * h * h + 5 * h * h + h * 2 * h,  # 3×3 with mask B sees 5 pixels
        "row-lstm": 2 * 2 * h * 4 * h + 3 * h * 4 * h + h * 2 * h,  # 2 pixels, 3 states
        "diagonal-bilstm": 2 * (2 * h * 4 * h + 2 * h * 4 * h) + h * 2 * h,  # two directions
    }
    for name, block in blocks.items():
        model = build_model(name, hidden=h, layers=layers)
        weights = first + layers * block + head
        assert work.flops_of_pass(model, images, pixels) == 2 * images * pixels * weights


N = 100
# What runs, how many operations that is, and how many numbers it reads and writes.
TRAFFIC = {
    "views": (lambda x, y: x.view(10, 10).T[2:].expand(3, 8, 10), 0, 0),
    "fresh memory": (lambda x, y: torch.empty_like(x).new_empty(7), 0, 0),
    "sum of two": (lambda x, y: x + y, 1, 3 * N),
    "square": (lambda x, y: x * x, 1, 2 * N),
    "in place": (lambda x, y: x.add_(y), 1, 3 * N),
    "into a buffer": (lambda x, y: torch.add(x, x, out=y), 1, 2 * N),
    "copy": (lambda x, y: x.copy_(y), 1, 2 * N),
    "product of matrices": (lambda x, y: x.view(50, 2) @ y.view(2, 50), 1, 2 * N + 2500),
    "joined": (lambda x, y: torch.cat([x, y]), 1, 4 * N),
    "all in one": (lambda x, y: torch._foreach_add_([x, y], [y, x]), 1, 4 * N),
    "two after each other": (lambda x, y: (x + y).sigmoid_(), 2, 5 * N),
}


@pytest.mark.parametrize("name", TRAFFIC)
def test_traffic_counts_what_is_read_and_what_is_written(name):
    function, operations, numbers = TRAFFIC[name]
    x, y = torch.zeros(N), torch.ones(N)
    with work.Traffic() as traffic:
        function(x, y)
    assert traffic.operations == operations
    assert traffic.bytes == 4 * numbers  # float32


@given(st.floats(-3, 3), st.lists(st.integers(1, 1000), min_size=2, max_size=6, unique=True))
def test_an_exponent_is_that_of_the_power_law(power, sizes):
    assert work.exponent(sizes, [7.0 * size**power for size in sizes]) == pytest.approx(power)


@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4))
def test_an_exponent_is_the_slope_of_the_best_line(seconds):
    sizes = [1, 4, 16, 64]
    slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    assert work.exponent(sizes, seconds) == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        (lambda x: x + x, 0),
        (lambda x: x * 2, 0),
        (lambda x: x.sin(), N),  # the input
        (lambda x: x.exp(), N),  # the result
        (lambda x: x * x, N),  # the input, once
        (lambda x: x.view(10, 10).T[0].sin(), N),  # all that a view keeps alive
        (lambda x: x.exp().sin(), N),  # the result of the one is the input of the other
        (lambda x: x.sin().exp(), 2 * N),
        (lambda x: x.detach().exp(), 0),
    ],
)
def test_what_a_forward_pass_keeps_is_counted_once(function, numbers):
    x = torch.zeros(N, requires_grad=True)
    assert work.kept_bytes(lambda: function(x)) == 4 * numbers


def test_the_memory_of_a_function_is_what_it_takes_at_its_peak():
    def function():
        torch.ones(10 * 2**20)  # 40 MiB, and freed at once
        torch.ones(2 * 2**20)

    measured = work.memory_of(function, CPU)
    assert measured is None or 38 < measured < 60  # not every system tells


def test_a_record_says_how_busy_the_machine_was(tmp_path):
    timing.save("name", [{"a": 1}], tmp_path, more=2)
    record = json.loads((tmp_path / "name.json").read_text())
    share = record["conditions"]["share of them that other programs used"]
    assert share is None or 0 <= share <= 1
    assert record["more"] == 2
