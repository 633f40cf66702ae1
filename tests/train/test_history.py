import json

import pytest

import rushlight as rl
from rushlight.train.history import Epoch, duration, epoch_line, loss_and_accuracy


def make_history(*scores):
    """A history of epochs with these losses, or (loss, validation loss)."""
    history = rl.History()
    for number, score in enumerate(scores, start=1):
        loss, validation = score if isinstance(score, tuple) else (score, None)
        history.append(Epoch(number, loss, None, validation, None, 1.0))
    return history


def test_the_best_epoch_has_the_lowest_validation_loss():
    history = make_history((0.5, 0.9), (0.4, 0.7), (0.3, 0.8))
    assert (history.best.epoch, history.last.epoch) == (2, 3)


def test_the_best_epoch_has_the_lowest_loss_where_nothing_was_validated():
    assert make_history(0.5, 0.2, 0.3).best.epoch == 2


def test_the_first_of_equally_good_epochs_is_the_best():
    assert make_history(0.5, 0.2, 0.2, 0.2).best.epoch == 2


def test_an_epoch_that_was_validated_is_better_than_one_that_was_not():
    assert make_history(0.1, (0.2, 0.9)).best.epoch == 2
    assert make_history((0.2, 0.9), 0.1).best.epoch == 1


def test_an_empty_history_has_no_epochs_to_show():
    history = rl.History()
    assert len(history) == 0
    assert str(history) == ""
    with pytest.raises(rl.BoundsError, match="no epoch is over yet"):
        _ = history.last
    with pytest.raises(rl.BoundsError, match="no epoch is over yet"):
        _ = history.best


def test_a_history_is_a_sequence_of_epochs():
    history = make_history(0.5, 0.25)
    assert [epoch.loss for epoch in history] == [0.5, 0.25]
    assert history.epochs == (history[0], history[1])
    assert history[-1] is history.last
    assert repr(history) == "History(2 epochs)"


def test_time_makes_no_difference():
    slow = Epoch(1, 0.5, None, None, None, 100.0)
    quick = Epoch(1, 0.5, None, None, None, 1.0)
    other = Epoch(1, 0.25, None, None, None, 1.0)
    assert slow == quick
    assert quick != other
    assert make_history(0.5) == make_history(0.5)
    assert make_history(0.5) != make_history(0.5, 0.4)
    assert make_history(0.5) != [quick]


def test_a_history_comes_back_from_json_to_the_last_bit():
    history = rl.History()
    history.append(Epoch(1, 0.1 + 0.2, 1 / 3, 1e-300, 2 / 3, 1.5))
    history.append(Epoch(2, 5e-324, None, None, None, 0.0))
    again = rl.History.from_json(history.to_json())
    assert again == history
    assert again[0].seconds == 1.5
    assert again.best == history.best


WRONG = [
    ("", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[]", "not an object of format and epochs"),
    ('{"format": "rushlight.history.1"}', "not an object of format and epochs"),
    ('{"format": "rushlight.history.9", "epochs": []}', "format 'rushlight.history.9' is not"),
    ('{"format": "rushlight.history.1", "epochs": {}}', "epochs are not a list"),
    ('{"format": "rushlight.history.1", "epochs": [1]}', "epoch 1 is not an object of epoch, loss"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_history_is_refused(text, message):
    with pytest.raises(rl.FormatError, match=message):
        rl.History.from_json(text)


WRONG_FIELDS = [
    ({"epoch": 2}, "epoch 1 is numbered 2"),
    ({"epoch": True}, "epoch 1 is numbered True"),
    ({"epoch": 1.0}, "epoch 1 is numbered 1.0"),
    ({"loss": None}, "loss of epoch 1 is None"),
    ({"loss": "0.5"}, "loss of epoch 1 is '0.5'"),
    ({"loss": float("nan")}, "loss of epoch 1 is nan"),
    ({"loss": 10**400}, "loss of epoch 1 is 1000"),
    ({"accuracy": float("inf")}, "accuracy of epoch 1 is inf"),
    ({"validation_loss": []}, r"validation_loss of epoch 1 is \[\]"),
    ({"seconds": None}, "seconds of epoch 1 is None"),
    ({"more": 1}, "epoch 1 is not an object of"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_FIELDS, ids=[m for _, m in WRONG_FIELDS])
def test_an_epoch_with_a_wrong_field_is_refused(change, message):
    document = json.loads(make_history(0.5).to_json())
    document["epochs"][0] |= change
    with pytest.raises(rl.FormatError, match=message):
        rl.History.from_json(json.dumps(document))


def test_epochs_out_of_order_are_refused():
    document = json.loads(make_history(0.5, 0.4).to_json())
    document["epochs"].reverse()
    with pytest.raises(rl.FormatError, match="epoch 1 is numbered 2"):
        rl.History.from_json(json.dumps(document))


def test_the_lines_of_a_history_are_aligned():
    lines = str(make_history(*[0.5] * 10)).splitlines()
    assert lines[0] == "epoch  1/10  loss 0.5000  1.0 s"
    assert lines[9] == "epoch 10/10  loss 0.5000  1.0 s"


def test_a_line_has_all_that_was_measured():
    epoch = Epoch(3, 0.1234, 0.962, 0.14, 0.959, 1.2)
    wanted = (
        "epoch  3/15  loss 0.1234  accuracy 96.20%  val loss 0.1400  val accuracy 95.90%  1.2 s"
    )
    assert epoch_line(epoch, 15) == wanted


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (12.34567, "loss 12.3457"),
        (0.01, "loss 0.0100"),
        (0.0012345, "loss 0.00123"),
        (0.007, "loss 0.00700"),
        (1.5e-9, "loss 1.50e-09"),
        (0.0, "loss 0.0000"),
        (-2.5, "loss -2.5000"),
    ],
)
def test_a_small_loss_keeps_its_digits(loss, text):
    assert loss_and_accuracy(loss, None) == [text]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.0991, "99 ms"),
        (0.0999, "0.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00"),
        (3599.4, "59:59"),
        (3599.6, "1:00:00"),
        (360_000.0, "100:00:00"),
    ],
)
def test_times_read_well(seconds, text):
    assert duration(seconds) == text
