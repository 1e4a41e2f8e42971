"""The leak hunt's Python half: are the bugs real, what is stored, what is refused."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu.widgets import LeakHunt
from pixeledu.widgets.leak_hunt.planted_bugs import PLANTED_BUGS, responses
from pixeledu.widgets.leak_hunt.widget import OFFERED

HEIGHT, WIDTH = 5, 7
PIXELS = HEIGHT * WIDTH
LATER = np.triu(np.ones((PIXELS, PIXELS), bool), 1)  # (changed, output): what may change


@pytest.fixture(scope="module")
def measured() -> dict[str, np.ndarray]:
    return {name: responses(name, HEIGHT, WIDTH) for name in PLANTED_BUGS}


@pytest.fixture(scope="module")
def hunt() -> LeakHunt:
    return LeakHunt()


def rows_and_columns() -> tuple[np.ndarray, np.ndarray]:
    """How many rows down and columns right of the changed pixel each output lies."""
    rows, columns = np.divmod(np.arange(PIXELS), WIDTH)
    return rows[None] - rows[:, None], columns[None] - columns[:, None]


# ---- the bugs are real -------------------------------------------------------------------------


def test_the_right_model_is_causal_and_complete(measured):
    np.testing.assert_array_equal(measured["none"], LATER)


def test_mask_b_first_leaks_the_pixel_itself_and_no_other(measured):
    np.testing.assert_array_equal(measured["mask-b-first"] & ~LATER, np.eye(PIXELS, dtype=bool))


def test_mask_a_everywhere_loses_the_neighbour_and_leaks_nothing(measured):
    down, right = rows_and_columns()
    assert not (measured["mask-a-everywhere"] & ~LATER).any()
    assert not measured["mask-a-everywhere"][(down == 0) & (right == 1)].any()
    assert measured["mask-a-everywhere"][(down == 0) & (right == 2)].all()


def test_a_cleared_centre_row_is_blind_in_its_row_and_leaks_nothing(measured):
    down, right = rows_and_columns()
    assert not (measured["centre-row"] & ~LATER).any()
    assert not measured["centre-row"][down == 0].any()
    assert measured["centre-row"][(down == 1) & (right == 0)].all()


def test_a_mirrored_model_is_the_mirror_of_a_right_one(measured):
    down, right = rows_and_columns()
    np.testing.assert_array_equal(measured["mirrored"][down == 0], (right < 0)[down == 0])


def test_batch_norm_leaks_everything(measured):
    assert measured["batch-norm"].all()


def test_scrambled_rows_leak_from_the_last_row_to_the_first(measured):
    down, _ = rows_and_columns()
    assert measured["scrambled"][down == 1 - HEIGHT].any()
    assert not measured["scrambled"].all()  # or nothing told it from batch normalisation
    assert not measured["scrambled"][-1].any()  # the last pixel comes before none


def test_an_unshifted_map_leaks_to_the_left_but_not_from_the_last_column(measured):
    down, _ = rows_and_columns()
    last = np.arange(PIXELS) % WIDTH == WIDTH - 1
    leaks = measured["unshifted"] & ~LATER
    assert not leaks[last].any()
    np.testing.assert_array_equal(leaks[~last], ((down == 0) & ~LATER)[~last])


def test_without_a_mask_a_window_of_three_leaks_around_the_pixel_and_no_further(measured):
    down, right = rows_and_columns()
    window = (abs(down) <= 1) & (abs(right) <= 1)
    np.testing.assert_array_equal(measured["unmasked"], window)


def test_a_lost_vertical_stream_leaves_each_row_on_its_own(measured):
    down, right = rows_and_columns()
    np.testing.assert_array_equal(measured["lost-stream"], (down == 0) & (right > 0))


def test_a_map_on_the_wrong_side_leaks_nothing_and_misses_the_far_left_below_the_right_edge(
    measured,
):
    down, right = rows_and_columns()
    missed = LATER & ~measured["wrong-side"]
    assert not (measured["wrong-side"] & ~LATER).any()
    assert missed.any()
    assert (down[missed] == 1).all()
    assert (right[missed] <= -4).all()  # up to three the first layer sees for itself


def test_exchanged_axes_make_a_model_read_down_the_columns(measured):
    down, right = rows_and_columns()
    np.testing.assert_array_equal(measured["transposed"], (right > 0) | ((right == 0) & (down > 0)))


def test_an_own_row_that_is_left_in_leaks_to_both_sides_of_its_row(measured):
    down, right = rows_and_columns()
    leaks = measured["own-row"] & ~LATER
    assert not (LATER & ~measured["own-row"]).any()
    assert leaks[(down == 0) & (right <= 0) & (right >= -3)].all()
    assert not leaks[down != 0].any()


def test_a_map_shifted_to_the_wrong_side_looks_two_columns_ahead(measured):
    down, right = rows_and_columns()
    columns = np.arange(PIXELS) % WIDTH
    leaks = measured["look-ahead"] & ~LATER
    seen = (down == 0) & (right <= 0) & (right >= -2) & (columns[None] + 3 < WIDTH)
    np.testing.assert_array_equal(leaks & (down == 0), seen)


def test_each_pair_of_models_can_be_told_apart(measured):
    names = list(measured)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert (measured[name] != measured[other]).any(), (name, other)


def test_building_models_leaves_the_random_numbers_of_the_caller_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    responses.cache_clear()
    responses("none", 3, 3)
    assert torch.equal(torch.rand(1), expected)


# ---- what is stored ----------------------------------------------------------------------------


def test_the_page_gets_what_was_measured(hunt, measured):
    assert len(hunt.data["models"]) == OFFERED
    for model in hunt.data["models"]:
        packed = np.frombuffer(b64decode(model["depends"]), np.uint8)
        bits = np.unpackbits(packed)[: PIXELS**2].reshape(PIXELS, PIXELS)
        np.testing.assert_array_equal(bits, measured[model["name"]])


def test_the_same_game_gives_the_same_html_and_it_stays_small(hunt):
    first = LeakHunt(height=3, width=4).html()
    responses.cache_clear()
    assert LeakHunt(height=3, width=4).html() == first
    assert len(hunt.html()) < 8000
    assert repr(hunt) == "LeakHunt(6 models, 5×7)"


def test_the_html_carries_the_state_that_the_live_widget_has(hunt):
    state = json.loads(re.search(r'application/json">(.*?)</script>', hunt.html())[1])
    live = hunt.get_state()
    names = ("data", "shown", "position", "answers", "speed")
    assert state == {name: live[name] for name in names}


@given(st.lists(st.sampled_from(list(PLANTED_BUGS)), min_size=1, max_size=OFFERED))
def test_whatever_is_hunted_is_on_offer_among_eight_names(hunted):
    hunt = LeakHunt(tuple(hunted), height=3, width=3)
    names = [model["name"] for model in hunt.data["models"]]
    assert len(names) == OFFERED
    assert names == [name for name in PLANTED_BUGS if name in names]
    assert [names[i] for i in hunt.data["hunted"]] == hunted


# ---- what Python sets, and what is refused -----------------------------------------------------


def test_the_score_counts_names_and_first_tries():
    hunt = LeakHunt(("none", "mirrored", "batch-norm"), height=3, width=3)
    assert hunt.score == {"named": 0, "first": 0}
    hunt.answers = [["none"], ["none", "mirrored"], ["mirrored"]]
    assert hunt.score == {"named": 2, "first": 1}
    hunt.set_state({"answers": [["none", "none"], [], ["batch-norm"]]})  # as the page sends it
    assert hunt.answers == [["none"], [], ["batch-norm"]]
    assert hunt.score == {"named": 2, "first": 2}


def test_what_changes_can_be_asked_for(hunt, measured):
    hunt.shown, hunt.position = 3, 9
    np.testing.assert_array_equal(hunt.changed().ravel(), measured["unshifted"][9])
    np.testing.assert_array_equal(hunt.changed(2, 0).ravel(), measured["mask-b-first"][2])
    hunt.shown, hunt.position = 0, 17


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hunted": ()}, "hunted must be 1 to 8 names of models"),
        ({"hunted": "none"}, "hunted must be 1 to 8 names of models, got 'none'"),
        ({"hunted": ("none",) * 9}, "hunted must be 1 to 8 names of models"),
        ({"hunted": ("none", "gru")}, "hunted must hold names out of .*, got 'gru'"),
        ({"height": 2}, "height must be a whole number of at least 3, got 2"),
        ({"width": 11}, "width must be at most 10, got 11"),
    ],
)
def test_an_argument_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LeakHunt(**options)


def test_a_refused_value_leaves_the_game_as_it_was(hunt):
    before = hunt.html()
    for name, value in (
        *(("shown", 6), ("shown", "1"), ("position", 35), ("position", -1), ("speed", 2)),
        *(("answers", [[]] * 5), ("answers", [["x"]] * 6), ("answers", "none"), ("answers", 3)),
    ):
        with pytest.raises(ValueError, match=f"{name} must"):
            setattr(hunt, name, value)
    assert hunt.html() == before
