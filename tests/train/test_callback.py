"""What callbacks are told, and what happens when they fail."""

import signal

import numpy as np
import pytest

import rushlight as rl
from rushlight.train import Callback


class Watching(Callback):
    """Notes what it is told."""

    def __init__(self):
        self.told = []

    def on_begin(self, training):
        self.told.append(("begin", len(training.history)))

    def on_progress(self, training):
        self.told.append(("progress", training.epoch, training.tally.batches))

    def on_epoch(self, training):
        self.told.append(("epoch", training.history.last.epoch))

    def on_end(self, training):
        self.told.append(("end", len(training.history)))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_callback_is_told_of_the_beginning_all_epochs_and_the_end(make_problem, compiled):
    watching = Watching()
    make_problem().fit(3, callbacks=[watching], compiled=compiled)
    told = [one for one in watching.told if one[0] != "progress"]
    assert told == [("begin", 0), ("epoch", 1), ("epoch", 2), ("epoch", 3), ("end", 3)]


def test_progress_is_told_between_steps_of_an_epoch(make_problem):
    watching = Watching()
    make_problem().fit(2, callbacks=[watching], compiled=False)
    progress = [one for one in watching.told if one[0] == "progress"]
    assert progress[0] == ("progress", 1, 1)


def test_a_callback_that_returns_true_stops_training_but_all_are_told(make_problem):
    class Stop(Callback):
        def on_epoch(self, training):
            return len(training.history) == 2

    watching = Watching()
    history = make_problem().fit(9, callbacks=[Stop(), watching])
    assert len(history) == 2
    assert watching.told[-2:] == [("epoch", 2), ("end", 2)]


def test_callbacks_that_ask_for_no_epochs_change_no_bits(make_problem, same_state):
    class End(Callback):
        def on_end(self, training):
            self.history = training.history

    plain, end = make_problem(), End()
    plain.fit(5, validation=None)
    watched = make_problem()
    history = watched.fit(5, validation=None, callbacks=[end])
    same_state(watched.state(), plain.state())
    assert end.history is history


@pytest.mark.parametrize("method", ["on_progress", "on_epoch"])
@pytest.mark.parametrize("compiled", [True, False])
def test_after_an_error_in_a_callback_training_goes_on_to_the_same_bits(
    method, compiled, make_problem, same_state, tmp_path
):
    class Broken(Callback):
        pass

    def fail(self, training):
        raise OSError("no space for the plot")

    def many_batches():
        problem = make_problem()
        problem.loader.batch_size = 2
        return problem

    setattr(Broken, method, fail)
    options = {"checkpoint": tmp_path, "compiled": compiled}
    straight, again = many_batches(), many_batches()
    wanted = straight.fit(3, compiled=compiled)
    with pytest.raises(OSError, match="no space") as caught:
        many_batches().fit(3, callbacks=[Broken()], **options)
    assert caught.traceback[-1].name == "fail"
    assert again.fit(3, resume=True, **options) == wanted
    same_state(again.state(), straight.state())


def test_the_end_is_told_after_an_error_and_after_ctrl_c(make_problem):
    class Interrupt(Callback):
        def on_epoch(self, training):
            signal.raise_signal(signal.SIGINT)

    class Broken(Callback):
        def on_epoch(self, training):
            raise OSError("broken")

    for callback, error in [(Interrupt(), KeyboardInterrupt), (Broken(), OSError)]:
        watching = Watching()
        with pytest.raises(error):
            make_problem().fit(3, callbacks=[watching, callback])
        assert watching.told[-1] == ("end", 1)


def test_an_error_at_the_beginning_ends_what_has_begun(make_problem):
    class Broken(Callback):
        def on_begin(self, training):
            raise OSError("broken")

    before, after = Watching(), Watching()
    with pytest.raises(OSError, match="broken"):
        make_problem().fit(3, callbacks=[before, Broken(), after])
    assert before.told == [("begin", 0), ("end", 0)]
    assert after.told == []


WRONG = [
    ([print], "a callback is a train.Callback, not <built-in function print>"),
    (Callback(), "callbacks are a list, not <"),
    ("abc", "a callback is a train.Callback, not 'a'"),
    (5, "callbacks are a list, not 5"),
]


@pytest.mark.parametrize(("callbacks", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_no_list_of_callbacks_is_refused(make_problem, callbacks, message):
    with pytest.raises(rl.UsageError, match=message):
        make_problem().fit(1, callbacks=callbacks)


# The best weights


def falling_then_rising(problem):
    """Options of a training whose second epoch of five is the best: the rate explodes after it."""

    def spoil(history):
        if len(history) == 2:
            problem.optimizer.lr = 5.0

    return {"on_epoch": spoil, "validation": None}


@pytest.mark.parametrize("saved", [True, False])
def test_the_best_weights_are_restored(make_problem, tmp_path, saved):
    short = make_problem()
    short.fit(2, validation=None)
    wanted = {name: x.numpy().copy() for name, x in short.model.state_dict().items()}

    problem = make_problem()
    options = falling_then_rising(problem) | ({"checkpoint": tmp_path} if saved else {})
    history = problem.fit(5, restore_best=True, **options)
    assert history.best.epoch == 2
    for name, values in wanted.items():
        np.testing.assert_array_equal(problem.model.state_dict()[name].numpy(), values)


def test_a_resumed_training_restores_weights_of_before_the_resume(make_problem, tmp_path):
    problem = make_problem()
    problem.fit(3, checkpoint=tmp_path, **falling_then_rising(problem))
    resumed = make_problem()
    options = {"validation": None, "checkpoint": tmp_path, "resume": True}
    history = resumed.fit(5, restore_best=True, **options)
    assert history.best.epoch == 2
    other = make_problem()
    rl.train.load_weights(tmp_path / "best.safetensors", other.model)
    for name, values in other.model.state_dict().items():
        np.testing.assert_array_equal(resumed.model.state_dict()[name].numpy(), values.numpy())


def test_a_checkpoint_is_no_model_file_but_gives_a_model_its_weights(make_problem, tmp_path):
    problem, other = make_problem(), make_problem()
    problem.fit(2, checkpoint=tmp_path)
    with pytest.raises(rl.FormatError, match="is a checkpoint of a training") as caught:
        rl.load(tmp_path / "best.safetensors")
    assert "rl.train.load_weights" in caught.value.hint
    rl.train.load_weights(tmp_path / "last.safetensors", other.model)
    for name, value in problem.model.state_dict().items():
        np.testing.assert_array_equal(other.model.state_dict()[name].numpy(), value.numpy())


def test_the_best_weights_are_there_when_callbacks_are_told_of_the_end(make_problem):
    class Evaluate(Callback):
        def on_end(self, training):
            self.loss, _ = rl.evaluate(training.model, validation, rl.nn.functional.cross_entropy)

    problem, callback = make_problem(), Evaluate()
    validation = rl.data.Dataset(*problem.loader.dataset[:20])
    options = falling_then_rising(problem) | {"validation": validation}
    history = problem.fit(5, restore_best=True, callbacks=[callback], **options)
    assert history.best is not history.last
    assert callback.loss == history.best.validation_loss


@pytest.mark.parametrize("saved", [True, False])
def test_where_averages_are_judged_they_are_restored(make_problem, tmp_path, saved):
    problem = make_problem(average=rl.optim.EMA)
    validation = rl.data.Dataset(*problem.loader.dataset[:20])
    options = {"checkpoint": tmp_path} if saved else {}
    history = problem.fit(4, validation=validation, restore_best=True, **options)
    loss, _ = rl.evaluate(problem.model, validation, rl.nn.functional.cross_entropy)
    assert loss == history.best.validation_loss
