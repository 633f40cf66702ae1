"""The sums of an epoch."""

import pytest

import rushlight as rl
from rushlight.train.tally import Tally


def test_a_tally_weighs_batches_by_their_samples():
    tally = Tally()
    tally.add(1.0, rl.tensor([[0.0, 1.0]] * 3), rl.tensor([1, 1, 0]))
    tally.add(5.0, rl.tensor([[0.0, 1.0]]), rl.tensor([1]))
    assert (tally.loss, tally.accuracy) == (2.0, 0.75)
    assert (tally.batches, tally.samples) == (2, 4)


def test_a_tally_of_nothing_has_no_loss():
    with pytest.raises(rl.DataError, match="no samples"):
        _ = Tally().loss
