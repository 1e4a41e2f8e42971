"""What the benchmark of the two outputs counts."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import two_outputs

from pixeledu.outputs import LogisticsOutput


def test_a_step_keeps_the_logits_and_with_logistics_those_of_each_component():
    batch = two_outputs.patches("train", 2)
    logits = 4 * batch.numel() * two_outputs.LEVELS  # bytes
    softmax, logistics = (
        two_outputs.bytes_kept(two_outputs.built(output), batch) for output in two_outputs.OUTPUTS
    )
    assert logits <= softmax < 2 * logits
    assert logistics >= LogisticsOutput.COMPONENTS * logits


def test_few_patches_are_taken_from_the_whole_set():
    few, more = two_outputs.patches("train", 40), two_outputs.patches("train", 640)
    assert few.shape == (40, 3, 8, 8)
    assert more.shape == (640, 3, 8, 8)
    assert not (few == more[:40]).all()
