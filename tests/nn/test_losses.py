"""Losses: plain values, extremes and mistakes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

SCORES = rl.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
LABELS = rl.tensor([0, 2])
EACH = np.array([np.log(1 + np.exp(-1) + np.exp(-2)), np.log(3)], np.float32)


def test_cross_entropy_is_the_log_of_the_softmax_at_the_label():
    np.testing.assert_allclose(nn.CrossEntropyLoss("none")(SCORES, LABELS).numpy(), EACH, 1e-6)
    np.testing.assert_allclose(nn.CrossEntropyLoss()(SCORES, LABELS).item(), EACH.mean(), 1e-6)
    np.testing.assert_allclose(nn.CrossEntropyLoss("sum")(SCORES, LABELS).item(), EACH.sum(), 1e-6)
    logs = nn.LogSoftmax()(SCORES)
    np.testing.assert_allclose(nn.NLLLoss("none")(logs, LABELS).numpy(), EACH, 1e-6)


def test_huge_scores_give_a_finite_loss_and_gradient():
    scores = rl.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = nn.CrossEntropyLoss()(scores, [1, 1])
    loss.backward()
    assert loss.item() == 1e4
    np.testing.assert_array_equal(scores.grad.numpy(), [[0.5, -0.5], [0.0, 0.0]])


def test_labels_may_be_lists_arrays_and_small_integers():
    loss = nn.CrossEntropyLoss()
    for labels in ([0, 2], np.array([0, 2]), rl.tensor(np.array([0, 2], np.uint8))):
        assert loss(SCORES, labels).item() == loss(SCORES, LABELS).item()


def test_the_mean_squared_error_takes_numbers_of_either_kind():
    assert nn.MSELoss()(rl.tensor([1.0, 3.0]), [0, 0]).item() == 5.0
    assert nn.MSELoss("none")(rl.tensor([1.0, 3.0]), [0.0, 0.0]).tolist() == [1.0, 9.0]


MISTAKES = [
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [0.0, 1.0]),
        "cross_entropy: labels are integers, not float32",
        'labels.cast("int64")',
    ),
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [[0, 1]]),
        "cross_entropy: scores of shape (2, 3) want labels of shape (2,), got (1, 2)",
        None,
    ),
    (lambda: nn.CrossEntropyLoss()(rl.tensor(1.0), 0), "cross_entropy: scores of shape ()", None),
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [0, 3]),
        "cross_entropy: index 3 is outside of 0 to 2",
        None,
    ),
    (lambda: nn.NLLLoss()(SCORES, [0, -1]), "nll_loss: index -1 is outside of 0 to 2", None),
    (
        lambda: nn.MSELoss()(rl.ones(2, 1), rl.ones(2)),
        "mse_loss: prediction (2, 1) and target (2,) differ",
        "write prediction.squeeze(-1)",
    ),
    (
        lambda: nn.MSELoss("avg"),
        "MSELoss: there is no reduction 'avg'",
        "choose one of mean, none, sum",
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
    assert caught.value.source.startswith("test_losses.py:")


def test_a_reduction_that_is_no_text_is_refused():
    with pytest.raises(rl.ModuleError, match="there is no reduction"):
        rl.nn.MSELoss(np.ones(2))
