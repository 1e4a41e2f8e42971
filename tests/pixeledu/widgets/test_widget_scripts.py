"""What the page computes for the figures of masks, fields, leaks and samples is what Python says."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from javascript import node
from test_javascript import HERE, random_trace

import pixeledu
from pixeledu.widgets import (
    LeakHunt,
    MaskExplorer,
    ReceptiveField,
    SamplingPlayer,
    mask_explorer,
)
from pixeledu.widgets.leak_hunt.planted_bugs import PLANTED_BUGS


@pytest.fixture
def read(tmp_path):
    """Let the page's scripts read states, each with its `kind`, and return what they find."""

    def ask(states: list[dict]) -> list:
        file = tmp_path / "states.json"
        file.write_text(json.dumps(states))
        return json.loads(node(HERE / "read_figures.mjs", file))

    return ask


def test_the_masks_on_the_page_are_those_of_the_package_for_every_setting(read):
    settings = product(
        mask_explorer.KERNEL_SIZES,
        mask_explorer.MASK_TYPES,
        (1, 3),
        mask_explorer.COLOURS,
        mask_explorer.COLOURS,
    )
    explorers = [
        MaskExplorer(
            *setting[:3],
            reads=setting[3],
            computes=setting[4],
            height=4,
            width=5,
            position=7 * i % 20,
        )
        for i, setting in enumerate(settings)
    ]
    assert len(explorers) == 108
    states = [
        {name: getattr(explorer, name) for name in explorer.trait_names(page=True)}
        for explorer in explorers
    ]
    found = read([{"kind": "masks", **state} for state in states])
    for explorer, shown in zip(explorers, found, strict=True):
        size = explorer.kernel_size
        source, target = (
            mask_explorer.COLOURS.index(name) if explorer.channels > 1 else 0
            for name in (explorer.reads, explorer.computes)
        )
        mask = pixeledu.causal_mask(size, explorer.mask_type, *[explorer.channels] * 3)
        mask = torch.nn.functional.pad(mask[target, source], (0, 0, 0, size // 2))
        assert np.reshape(shown["mask"], (size, size)).tolist() == mask.tolist()
        assert sorted(shown["touched"]) == np.flatnonzero(explorer.touched()).tolist()


def test_the_page_shows_the_fields_that_python_measured(read):
    torch.manual_seed(0)
    models = {
        kind: pixeledu.build_model(kind, hidden=4, layers=1)
        for kind in ("pixelcnn", "diagonal-bilstm")
    }
    figure = ReceptiveField(models, 3, 7)
    (found,) = read([{"kind": "fields", "data": figure.data}])
    for name, positions in zip(models, found, strict=True):
        for position, shown in enumerate(positions):
            seen, blind = figure.seen(name, position).ravel(), figure.blind(name, position).ravel()
            for pixel, kind in enumerate(shown["kinds"]):
                expected = "self" if pixel == position else "later" if pixel > position else None
                if expected is None:
                    expected = "seen" if seen[pixel] else "blind" if blind[pixel] else "unseen"
                assert kind == expected
            counts = {"seen": int(seen.sum()), "blind": int(blind.sum())}
            assert shown["counts"] == counts | {"unseen": position - sum(counts.values())}


def test_the_page_plays_the_game_that_python_measured(read):
    hunt = LeakHunt(tuple(PLANTED_BUGS)[:8], height=4, width=5)
    hunt.answers = [["none"], ["none", "mask-b-first"], ["mirrored"], *[[]] * 5]
    (found,) = read([{"kind": "hunts", "data": hunt.data, "answers": hunt.answers}])
    assert found["score"] == hunt.score == {"named": 2, "first": 1}
    for shown in range(8):
        changes = np.array(found["changes"][shown])
        for position in range(20):
            expected = hunt.changed(position, shown).ravel()
            np.testing.assert_array_equal(changes[position], expected)
    for shown, guess in product(range(8), repeat=2):
        evidence = found["evidence"][shown][guess]
        if shown == guess:
            assert evidence is None
            continue
        here, there = (
            hunt.changed(evidence["pixel"], model).ravel()[evidence["output"]]
            for model in (shown, guess)
        )
        assert here == evidence["changes"] != there
        # What tells is a leak wherever the two differ in one.
        leaks = [np.tril(found["changes"][model]) for model in (shown, guess)]
        if (leaks[0] != leaks[1]).any():
            assert evidence["output"] <= evidence["pixel"]


def test_answers_that_make_no_sense_count_for_nothing(read):
    data = LeakHunt(("none", "mirrored"), height=3, width=3).data
    nothing = {"named": 0, "first": 0}
    for answers in (None, 7, [], [["x"], None], [[None, 3]], {"0": []}):
        (found,) = read([{"kind": "hunts", "data": data, "answers": answers}])
        assert found["score"] == nothing


def test_another_temperature_gives_the_distribution_that_the_model_would_have_had(read):
    rng = np.random.default_rng(1)
    traces = [trace for trace in (random_trace(rng) for _ in range(60)) if trace.levels <= 32]
    assert len(traces) > 20
    players = [SamplingPlayer(trace, drawn_at=0.8) for trace in traces]
    temperatures = [float(t) for t in rng.choice([0.1, 0.3, 0.8, 1, 1.7, 3], len(traces))]
    asked = [
        {"kind": "samples", "data": player.data, "temperature": t}
        for player, t in zip(players, temperatures, strict=True)
    ]
    for trace, t, (steps,) in zip(traces, temperatures, read(asked), strict=True):
        drawn = trace.probabilities[~trace.known.transpose(1, 2, 0)].astype(np.float64)
        logits = 0.8 / t * np.log(drawn)
        expected = np.exp(logits - logits.max(1, keepdims=True))
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(np.array(steps), expected, atol=0.51 / 255 if t == 0.8 else 2e-3)
