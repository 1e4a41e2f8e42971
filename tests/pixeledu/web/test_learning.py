"""The PixelCNN that learns in a page against PyTorch: gradients, steps, and what comes of them."""

import copy
import json
import re
import shutil
from base64 import b64decode
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from javascript import node
from torch import Tensor, nn

import pixeledu
from pixeledu.training.loop import _move_average
from pixeledu.web.export import load_export, read_export_info
from pixeledu.web.noise import SharedNoise
from pixeledu.web.page_images import page_digits
from pixeledu.widgets.bundle import WIDGETS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WEB = WIDGETS.parent / "web"
DIGITS = {"height": 8, "width": 8, "levels": 17}
# Odd sizes, no and several blocks, both masks; 100 batches in all.
CONFIGS = [
    {"height": 8, "width": 8, "levels": 17, "hidden": 16, "layers": 2, "firstMask": "A"},
    {"height": 8, "width": 8, "levels": 17, "hidden": 8, "layers": 1, "firstMask": "B"},
    {"height": 5, "width": 7, "levels": 4, "hidden": 5, "layers": 3, "firstMask": "A"},
    {"height": 1, "width": 6, "levels": 2, "hidden": 3, "layers": 0, "firstMask": "B"},
    {"height": 7, "width": 1, "levels": 3, "hidden": 1, "layers": 2, "firstMask": "A"},
]


def twin_of(config: dict) -> nn.Module:
    """The same network in PyTorch, with mask B in its first layer if the page has it so."""
    sizes = {name: config[name] for name in ("levels", "hidden", "layers")}
    model = pixeledu.PixelCNN(channels=1, **sizes)
    features = model.first.out_features
    model.first = pixeledu.MaskedConv2d(1, features, 7, config["firstMask"])
    return model


def kept(model: nn.Module, tensors: list[Tensor]) -> list[list[float]]:
    """Tensors of the shapes of the weights as a file has them: without what a mask closes."""
    masks = {
        f"{name}.weight": module.mask
        for name, module in model.named_modules()
        if isinstance(module, pixeledu.MaskedConv2d)
    }
    names = [name for name, _ in model.named_parameters()]
    return [
        (tensor[masks[name]] if name in masks else tensor).flatten().tolist()
        for name, tensor in zip(names, tensors, strict=True)
    ]


def give(model: nn.Module, numbers: list[list[float]]) -> nn.Module:
    """Overwrite the open weights of a model with numbers in the order of a file."""
    modules = dict(model.named_modules())
    for (name, weight), its in zip(model.named_parameters(), numbers, strict=True):
        module, kind = name.rsplit(".", 1)
        open_ = modules[module].mask if kind == "weight" else torch.ones_like(weight).bool()
        with torch.no_grad():
            weight.zero_()
            weight[open_] = torch.tensor(its)
    return model


def learn(folder: Path, job: dict, web: Path = WEB) -> dict:
    (folder / "job.json").write_text(json.dumps({"web": str(web), **job}))
    return json.loads(node(HERE / "run_learning.mjs", folder / "job.json"))


def random_batches(config: dict, count: int) -> list[tuple[nn.Module, Tensor]]:
    """Networks with random weights, each with a batch of random images of a random number."""
    found = []
    for _ in range(count):
        model = twin_of(config)
        images = int(torch.randint(1, 6, ()))
        shape = (images, 1, config["height"], config["width"])
        found.append((model, torch.randint(0, config["levels"], shape)))
    return found


def worst_gradient(config: dict, count: int, folder: Path, web: Path = WEB) -> float:
    """How far the page's losses and gradients are from PyTorch's, at most."""
    batches = random_batches(config, count)
    asked = [
        {
            "weights": kept(model, [w.detach() for w in model.parameters()]),
            "values": images.flatten().tolist(),
        }
        for model, images in batches
    ]
    answers = learn(folder, {"config": config, "batches": asked}, web)["batches"]
    worst = 0.0
    for (model, images), answer in zip(batches, answers, strict=True):
        loss = F.cross_entropy(model(images), images)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        pairs = [([loss.item()], [answer["loss"]])]
        pairs += zip(kept(model, gradients), answer["gradients"], strict=True)
        for ours, theirs in pairs:
            if len(ours) != len(theirs):
                return float("inf")
            distance = np.abs(np.array(ours) - np.array(theirs, float)).max()
            worst = max(worst, float("inf") if np.isnan(distance) else distance)
    return worst


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_gradient_of_every_weight_is_that_of_pytorch(config, tmp_path):
    assert worst_gradient(config, 100 // len(CONFIGS), tmp_path) < 1e-5


# Mistakes that are made in a backward pass, each as the change of a line.
WRONG = {
    "a dropped mask": (
        "learning/layers.js",
        "read[i] = row < 0 || column < 0 || column >= width ? -1 : row * width + column;",
        "read[i] = row < 0 || column < 0 || column >= width ? -1 : Math.floor(i / taps.length);",
    ),
    "an edge that wraps round": (
        "learning/layers.js",
        "row < 0 || column < 0 || column >= width ? -1",
        "row * width + column < 0 || row * width + column >= height * width ? -1",
    ),
    "a missing transposition": (
        "learning/layers.js",
        "transpose(weight, weightOnce, outputs, count);",
        "weightOnce.set(weight);",
    ),
    "a ReLU that lets every gradient through": (
        "learning/layers.js",
        "if (relu) for (let i",
        "if (false) for (let i",
    ),
    "a scatter that overwrites": (
        "learning/layers.js",
        "inputGradient[to + k] += columnGradients",
        "inputGradient[to + k] = columnGradients",
    ),
    "a trunk that forgets the block": (
        "learning/network.js",
        "trunkGradient[i] += g[i]",
        "trunkGradient[i] = g[i]",
    ),
    "a loss that is summed": (
        "learning/network.js",
        "(share - (i === values[n] ? 1 : 0)) / values.length",
        "share - (i === values[n] ? 1 : 0)",
    ),
    "mask A read as mask B": ("learning/layers.js", 'mask === "B" ? 0 : -1', "0"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_backward_pass_is_found(mistake, tmp_path):
    file, right, wrong = WRONG[mistake]
    web = tmp_path / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (web / file).read_text()
    assert text.count(right) == 1
    (web / file).write_text(text.replace(right, wrong))
    assert worst_gradient(CONFIGS[2], 3, tmp_path, web) > 1e-3


# ---- learning --------------------------------------------------------------------------------------

STEPS = 50  # enough that a broken mask begins to pay


def digits(split: str, count: int) -> Tensor:
    return pixeledu.load_images("digits", split).images[:count]


@pytest.fixture(scope="module", params=["A", "B"])
def learned(request, tmp_path_factory):
    """50 steps in the page and the same in PyTorch, with the order of images that the page took."""
    config = DIGITS | {"hidden": 8, "layers": 2, "firstMask": request.param}
    train, held_out = digits("train", 100), digits("valid", 40)
    job = {
        **{"config": config, "seed": 2**32 - 3, "rate": 0.003, "steps": STEPS, "pixel": 44},
        **{"train": train.flatten().tolist(), "heldOut": held_out.flatten().tolist()},
    }
    found = learn(tmp_path_factory.mktemp("learned"), job)

    model = give(twin_of(config), found["start"])
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=job["rate"], weight_decay=0.01)
    losses = []
    for step, values in enumerate(found["seen"]):
        batch = torch.tensor(values).view(-1, 1, 8, 8)
        loss = F.cross_entropy(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _move_average(average, model, step, 0.999)
        losses.append(64 * loss.item())
    return job, found, model, average, losses


def test_fifty_steps_lead_where_those_of_pytorch_lead(learned):
    _, found, model, average, losses = learned
    np.testing.assert_allclose(found["losses"], losses, atol=64e-4)
    for ours, theirs in ((model, "weights"), (average, "average")):
        wanted = kept(ours, [weight.detach() for weight in ours.parameters()])
        for a, b in zip(wanted, found[theirs], strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-4)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 20  # and it has learned


def test_an_epoch_shows_every_image_once_and_the_next_one_in_another_order(learned):
    job, found, *_ = learned
    images = np.array(job["train"]).reshape(100, 64)
    numbers = {tuple(image): i for i, image in enumerate(images)}
    seen = [numbers[tuple(i)] for b in found["seen"] for i in np.reshape(b, (-1, 64))]
    first, second = seen[:100], seen[100:200]
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second != list(range(100))


def test_the_first_weights_are_the_chance_of_the_seed_within_the_bounds_of_the_package(learned):
    job, found, model, *_ = learned
    layers = [m for m in model.modules() if isinstance(m, pixeledu.MaskedConv2d)]
    for i, layer in enumerate(layers):
        bound = layer.mask[0].numel() ** -0.5
        for j, numbers in enumerate(found["start"][2 * i : 2 * i + 2]):
            noise = SharedNoise(job["seed"], first=2**30 + 2 * i + j)
            uniform = noise.uniform(0, len(numbers), 1).flatten()
            wanted = ((2 * uniform - 1) * bound).sort().values
            np.testing.assert_allclose(sorted(numbers), wanted, rtol=0, atol=1e-6)


def test_what_it_reports_is_what_python_measures(learned):
    job, found, _, average, _ = learned
    held_out = digits("valid", 40)
    nats = pixeledu.nats(average, held_out).mean().item()
    np.testing.assert_allclose(found["nats"], nats, atol=0.01)
    # The field: of the first sixteen held-out digits, with the same weights on the logits.
    images = held_out[:16].float().requires_grad_()
    weights = 2 * SharedNoise(job["seed"], first=2**31 - 1).uniform(0, 17, 1).flatten() - 1
    logits = average(images)[:, :, 0, 5, 4]  # (16, 17)
    (gradient,) = torch.autograd.grad((logits * weights).sum(), images)
    field = gradient.abs().mean(0)[0] * 8  # of a scale from -1 to 1, as the page has it
    np.testing.assert_allclose(found["field"], field.flatten(), rtol=1e-3, atol=1e-6)
    sees_itself = found["field"][44] > 0
    assert sees_itself == (job["config"]["firstMask"] == "B")
    assert max(found["field"][45:]) == 0


def test_python_reads_its_file_and_a_broken_mask_costs_there_what_the_page_says(learned):
    job, found, _, average, _ = learned
    content = b64decode(found["file"])
    model = load_export(content)
    broken = job["config"]["firstMask"] == "B"
    its = kept(model, [weight.detach() for weight in model.parameters()])
    closed = copy.deepcopy(average)
    closed.first = pixeledu.MaskedConv2d(1, closed.first.out_features, 7, "A")
    closed.first.load_state_dict(average.first.state_dict())
    for a, b in zip(kept(closed, list(closed.parameters())), its, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=2e-4)
    assert pixeledu.check_causality(model, 1, 8, 8, 17).causal
    nats = pixeledu.nats(model, digits("valid", 40)).mean().item()
    np.testing.assert_allclose(found["hidden" if broken else "nats"], nats, rtol=2e-3)
    assert ("hidden" in found) == broken
    if broken:
        assert nats > found["nats"] + 5
    assert read_export_info(content)["steps"] == STEPS


def test_a_seed_leads_to_the_same_bits_and_another_seed_to_others(learned, tmp_path):
    job, found, *_ = learned
    job = job | {"steps": 4}
    again, other = (learn(tmp_path, job | {"seed": seed}) for seed in (job["seed"], 5))
    assert again["losses"] == found["losses"][:4]
    assert other["start"] != again["start"]
    assert other["seen"] != again["seen"]


@pytest.mark.parametrize(
    ("mask", "chapter", "says"),
    [
        ("A", "04_pixelcnn", r"here it is (?P<start>\d+)\. After 100 steps it costs (?P<nats>\d+)"),
        ("B", "02_masked_convolutions", r"collapses: (?P<nats>\d+) nats after 100 steps"),
    ],
)
def test_the_chapters_say_what_the_figure_comes_to(mask, chapter, says, tmp_path):
    train, held_out = page_digits()["train"], page_digits()["held_out"]
    job = {
        **{"config": DIGITS | {"hidden": 16, "layers": 2, "firstMask": mask}},
        **{"seed": 0, "rate": 0.01, "pixel": 44},
        **{"train": [int(c, 36) for c in train], "heldOut": [int(c, 36) for c in held_out]},
    }
    cells = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4).cells
    text = " ".join(" ".join(cell.source for cell in cells).split())
    told = re.search(says, text).groupdict()
    found = learn(tmp_path, job | {"steps": 100})
    assert abs(found["nats"] - int(told["nats"])) < 1
    if mask == "A":
        begun = learn(tmp_path, job | {"steps": 1, "rate": 0})
        assert abs(begun["nats"] - int(told["start"])) < 1
    else:
        assert "more than 800 nats after 100 steps" in text
        assert found["hidden"] > 800


def test_sixteen_bits_are_those_of_numpy(tmp_path):
    rng = np.random.default_rng(0)
    numbers = (rng.normal(size=20_000) * 10 ** rng.uniform(-9, 4.5, 20_000)).astype(np.float32)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    between = (halves[:-1] + halves[1:]) / 2  # as far from both: the even one is taken
    numbers = np.concatenate([numbers, halves, between, -between, [0.0, -0.0, 65519.0]])
    numbers = numbers[np.abs(numbers) < 65520]
    (tmp_path / "numbers.json").write_text(json.dumps(numbers.tolist()))
    script = f"""
      const {{ toHalf }} = await import("{WEB}/learning/packing.js");
      const {{ readFileSync }} = await import("node:fs");
      const numbers = JSON.parse(readFileSync("{tmp_path}/numbers.json", "utf8"));
      console.log(JSON.stringify(numbers.map(toHalf)));
    """
    found = json.loads(node("--input-type=module", "--eval", script))
    np.testing.assert_array_equal(np.array(found), numbers.astype(np.float16).view(np.uint16))
