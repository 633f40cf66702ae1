"""The sampler: its distributions, its limits, and that a seed fixes all."""

import numpy as np
import pytest

from rushlight.core.errors import DataError, UsageError
from rushlight.llm import Sampler

SCORES = np.log([0.5, 0.25, 0.15, 0.1])


def shares(scores, draws=4000, **options):
    """How often each token was drawn."""
    sampler = Sampler(**options)
    rows = np.broadcast_to(scores, (draws, len(scores)))
    return np.bincount(sampler(rows), minlength=len(scores)) / draws


@pytest.mark.parametrize(
    ("options", "chances"),
    [
        ({}, [0.5, 0.25, 0.15, 0.1]),
        ({"temperature": 0.5}, np.array([0.25, 0.0625, 0.0225, 0.01]) / 0.345),
        ({"temperature": 1e6}, [0.25, 0.25, 0.25, 0.25]),
        ({"temperature": 1e-300}, [1, 0, 0, 0]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 99}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_p": 0.5}, [1, 0, 0, 0]),
        ({"top_p": 0.51}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 1e-9}, [1, 0, 0, 0]),
        ({"top_p": 0.8}, np.array([0.5, 0.25, 0.15, 0]) / 0.9),
        ({"min_p": 0.25}, np.array([0.5, 0.25, 0.15, 0]) / 0.9),
        ({"min_p": 1.0}, [1, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.8}, [2 / 3, 1 / 3, 0, 0]),  # of what top-k leaves
        ({"top_k": 3, "min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
    ],
    ids=str,
)
def test_tokens_are_drawn_by_their_chances(options, chances):
    np.testing.assert_allclose(Sampler(**options).chances(SCORES), chances, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(shares(SCORES, **options), chances, atol=0.03)


def test_the_order_of_the_tokens_does_not_matter():
    order = np.array([2, 0, 3, 1])
    options = {"temperature": 0.7, "top_k": 3, "top_p": 0.9, "min_p": 0.1}
    wanted = Sampler(**options).chances(SCORES)[order]
    np.testing.assert_allclose(Sampler(**options).chances(SCORES[order]), wanted)


def test_a_penalty_makes_what_has_come_less_likely():
    scores = np.array([2.0, -2.0, 1.0])
    chances = Sampler(repetition_penalty=2.0).chances(scores, before=[0, 1, 1])
    lower = np.exp([1.0, -4.0, 1.0])
    np.testing.assert_allclose(chances, lower / lower.sum())
    assert Sampler(repetition_penalty=4.0, temperature=0)(scores, before=[0]) == 2
    plain = Sampler().chances(scores)
    np.testing.assert_array_equal(Sampler().chances(scores, before=[0]), plain)
    np.testing.assert_array_equal(Sampler(repetition_penalty=2.0).chances(scores), plain)


def test_rows_are_drawn_each_by_its_own_scores():
    scores = np.array([[0.0, -np.inf, -np.inf], [-np.inf, -np.inf, 0.0]])
    assert Sampler()(scores).tolist() == [0, 2]
    assert Sampler(temperature=0)(scores).tolist() == [0, 2]
    before = np.array([[0], [1]])
    chances = Sampler(repetition_penalty=3.0).chances(np.ones((2, 3)), before)
    assert chances[0, 0] == chances[1, 1] < chances[0, 1] == chances[1, 0]


def test_a_seed_fixes_the_draws_however_many_at_once():
    rows = np.broadcast_to(SCORES, (3000, 4))
    together = Sampler(seed=7)(rows)
    one_by_one = Sampler(seed=7)
    assert [int(one_by_one(SCORES)) for _ in range(3000)] == together.tolist()
    assert (Sampler(seed=8)(rows) != together).any()


def test_what_is_out_of_the_question_is_never_drawn():
    scores = np.array([0.0, -np.inf, 0.0, -np.inf])
    drawn = Sampler(top_p=0.999)(np.broadcast_to(scores, (2000, 4)))
    assert set(drawn.tolist()) == {0, 2}


def test_the_first_of_equals_is_the_likeliest():
    assert Sampler(temperature=0)([1.0, 3.0, 3.0]) == 1
    np.testing.assert_array_equal(Sampler(top_k=1).chances([3.0, 1.0, 3.0]), [1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"temperature": -0.1}, "temperature is a number of at least 0, not -0.1"),
        ({"temperature": np.nan}, "temperature is a number"),
        ({"temperature": np.inf}, "temperature is a number"),
        ({"temperature": "1"}, "temperature is a number"),
        ({"top_k": 0}, "top_k is an int of at least 1, not 0"),
        ({"top_k": 1.5}, "top_k is an int"),
        ({"top_k": True}, "top_k is an int"),
        ({"top_p": 0.0}, "top_p 0 leaves nothing to draw"),
        ({"top_p": 1.1}, "top_p is a number from 0 to 1, not 1.1"),
        ({"min_p": -1}, "min_p is a number from 0 to 1"),
        ({"temperature": 10**400}, "temperature is a number"),
        ({"repetition_penalty": 0}, "repetition_penalty is a number from 0.001 to 1000, not 0"),
        ({"repetition_penalty": 1e-320}, "repetition_penalty is a number from 0.001"),
        ({"repetition_penalty": 1e308}, "repetition_penalty is a number from 0.001"),
        ({"seed": -1}, "key word -1 is outside"),
        ({"seed": 2**32}, "is outside of 0 to"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, fact):
    with pytest.raises(UsageError, match=fact):
        Sampler(**options)


@pytest.mark.parametrize(
    ("scores", "fact"),
    [
        ([0.0, np.nan], "the scores are not finite"),
        ([0.0, np.inf], "the scores are not finite"),
        ([-np.inf, -np.inf], "the scores are not finite"),
        ([], "there are no tokens to choose from"),
        (1.0, "there are no tokens to choose from"),
    ],
    ids=str,
)
def test_scores_that_tell_nothing_are_refused(scores, fact):
    for temperature in (0.0, 1.0):
        with pytest.raises(DataError, match=fact):
            Sampler(temperature)(scores)
