"""Logs: what they hold after training, a resume, and a process that was killed."""

import contextlib
import json
import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.formats.tfevents import read_records
from rushlight.train import JsonLines, Measure, TensorBoard


def logged(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_epoch_is_a_line_with_its_figures(make_problem, tmp_path):
    path = tmp_path / "log.jsonl"
    history = make_problem().fit(3, callbacks=[JsonLines(path)])
    lines = logged(path)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line, epoch in zip(lines, history, strict=True):
        assert line["loss"] == epoch.loss
        assert line["accuracy"] == epoch.accuracy
        assert line["validation_loss"] == epoch.validation_loss
        assert line["seconds"] == epoch.seconds
        assert line["learning_rate"] == 0.01


def test_a_new_training_begins_a_new_log(make_problem, tmp_path):
    path = tmp_path / "log.jsonl"
    make_problem().fit(3, callbacks=[JsonLines(path)])
    make_problem().fit(2, callbacks=[JsonLines(path)])
    assert [line["epoch"] for line in logged(path)] == [1, 2]


# What may have happened to the log of two epochs before training is resumed.
ACCIDENTS = {
    "nothing": lambda text: text,
    "a torn last line": lambda text: text[:-20],
    "no end of the last line": lambda text: text[:-1],
    "the last line is missing": lambda text: text[: text.index(b"\n") + 1],
    "an epoch of after the checkpoint": lambda text: text + b'{"epoch": 3, "loss": 1.0}\n',
    "lines of something else": lambda text: b'{"epoch": 1}\n[]\n\xff\n' + b"[" * 10000 + b"\n",
    "it is gone": lambda text: None,
}


@pytest.mark.parametrize("accident", ACCIDENTS.values(), ids=ACCIDENTS)
def test_a_resumed_log_has_each_epoch_once(make_problem, tmp_path, accident):
    path = tmp_path / "log.jsonl"
    options = {"callbacks": [JsonLines(path)], "checkpoint": tmp_path}
    make_problem().fit(2, **options)
    text = accident(path.read_bytes())
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    history = make_problem().fit(4, resume=True, **options)
    lines = logged(path)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["loss"] for line in lines] == [epoch.loss for epoch in history]


def test_lines_that_are_whole_keep_what_only_they_know(make_problem, tmp_path):
    path = tmp_path / "log.jsonl"

    def options(problem):
        measure = Measure(problem.loader, {"f1": lambda *given: 0.5})
        return {"callbacks": [measure, JsonLines(path)], "checkpoint": tmp_path}

    problem = make_problem()
    problem.fit(2, **options(problem))
    before = path.read_bytes()
    again = make_problem()
    again.fit(3, resume=True, **options(again))
    assert path.read_bytes().startswith(before)
    assert [line["f1"] for line in logged(path)] == [0.5, 0.5, 0.5]


def test_measures_are_those_of_the_model_after_the_epoch(make_problem, same_state):
    def macro_f1(outputs, labels):
        return rl.metrics.f1(outputs, labels, average="macro")

    plain = make_problem()
    plain.fit(3)
    problem = make_problem()
    measure = Measure(problem.loader, {"f1": macro_f1, "accuracy of it": rl.metrics.accuracy})
    problem.fit(3, callbacks=[measure])
    same_state(problem.state(), plain.state())
    assert measure.values["f1"][-1] == macro_f1(*rl.predict(problem.model, problem.loader))
    assert len(measure.values["accuracy of it"]) == 3


def test_what_json_has_no_word_for_is_null(make_problem, tmp_path):
    path, problem = tmp_path / "log.jsonl", make_problem()
    measure = Measure(problem.loader, {"nan": lambda *given: math.nan})
    problem.fit(1, callbacks=[measure, JsonLines(path)])
    assert logged(path)[0]["nan"] is None


def test_a_log_that_cannot_be_written_is_known_before_training(make_problem, tmp_path):
    problem = make_problem()
    with pytest.raises(OSError, match="No such folder"):
        problem.fit(1, callbacks=[JsonLines(tmp_path / "nowhere" / "log.jsonl")])
    assert problem.loader.epoch == 0
    (tmp_path / "file").touch()
    with pytest.raises(rl.UsageError, match="File exists"):
        problem.fit(1, callbacks=[TensorBoard(tmp_path / "file")])


WRONG = [
    (lambda: JsonLines(5), "a path is a text or a Path"),
    (lambda: TensorBoard(None), "a path is a text or a Path"),
    (lambda: Measure(None, {"loss": max}), "a metric cannot be called 'loss'"),
    (lambda: Measure(None, {"": max}), "a metric cannot be called ''"),
    (lambda: Measure(None, {"f1": "f1"}), "the metric f1 is no function"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises(rl.UsageError, match=message):
        make()


def events(path):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    return [event_pb2.Event.FromString(data) for data in read_records(path)]


def test_tensorboard_gets_each_epoch_as_numbers(make_problem, tmp_path):
    board = TensorBoard(tmp_path / "runs" / "a")
    history = make_problem().fit(3, callbacks=[board])
    (path,) = (tmp_path / "runs" / "a").iterdir()
    version, start, *epochs = events(path)
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (1, 1)
    for event, epoch in zip(epochs, history, strict=True):
        values = {value.tag: value.simple_value for value in event.summary.value}
        assert event.step == epoch.epoch
        assert sorted(values) == [
            "accuracy",
            "learning_rate",
            "loss",
            "seconds",
            "validation_accuracy",
            "validation_loss",
        ]
        np.testing.assert_allclose(values["loss"], epoch.loss, rtol=1e-6)


def test_a_resumed_training_goes_on_in_a_file_of_its_own(make_problem, tmp_path):
    board = tmp_path / "board"
    for epochs in (2, 3):
        options = {"checkpoint": tmp_path, "resume": True, "callbacks": [TensorBoard(board)]}
        make_problem().fit(epochs, **options)
    first, second = sorted(board.iterdir())
    assert [event.step for event in events(first)] == [0, 1, 1, 2]
    assert [event.step for event in events(second)] == [0, 3, 3]


@contextlib.contextmanager
def largest_file(size):
    """Let no file of this process grow beyond so many bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_training_and_leaves_whole_lines(make_problem, tmp_path):
    path = tmp_path / "log.jsonl"
    make_problem().fit(1, callbacks=[JsonLines(path)], compiled=False)
    room = 2 * path.stat().st_size + path.stat().st_size // 2
    with largest_file(room), pytest.raises(OSError, match=r"too large: .*log\.jsonl"):
        make_problem().fit(9, callbacks=[JsonLines(path)], compiled=False)
    assert [line["epoch"] for line in logged(path)] == [1, 2]
    assert path.read_bytes().endswith(b"\n")


def test_a_full_disk_leaves_whole_records(make_problem, tmp_path):
    make_problem().fit(1, callbacks=[TensorBoard(tmp_path / "one")], compiled=False)
    (one,) = (tmp_path / "one").iterdir()
    with largest_file(one.stat().st_size + 50), pytest.raises(OSError, match="too large"):
        make_problem().fit(9, callbacks=[TensorBoard(tmp_path / "two")], compiled=False)
    (two,) = (tmp_path / "two").iterdir()
    assert len(read_records(two)) == len(read_records(one))


@pytest.mark.parametrize("metrics", [None, [rl.metrics.accuracy], {5: rl.metrics.accuracy}])
def test_metrics_that_are_not_functions_by_name_are_refused(metrics):
    with pytest.raises(rl.UsageError, match="metric"):
        Measure(rl.data.Dataset([[0.0]], [0]), metrics)
