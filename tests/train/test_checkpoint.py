"""Checkpoint files: what they hold, what is refused, what a kill leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.formats.safetensors import load_file, save_file
from rushlight.random import default_generator
from rushlight.train.checkpoint import BEST, LAST, load_weights

cross_entropy = rl.nn.functional.cross_entropy

SCRIPT = Path(__file__).with_name("train_until_killed.py")


def adam(parameters):
    return rl.optim.Adam(parameters, lr=0.01)


def cosine(optimizer):
    return rl.optim.CosineLR(optimizer, steps=20)


def test_a_checkpoint_is_a_safetensors_file_of_the_whole_state(make_problem, tmp_path):
    problem = make_problem(schedule=cosine)
    history = problem.fit(2, checkpoint=tmp_path)
    with safe_open(tmp_path / LAST, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    own = {
        **{f"model.{name}": t for name, t in problem.model.state_dict().items()},
        **{f"optimizer.{name}": t for name, t in problem.optimizer.state_dict().items()},
        **{f"schedule.{name}": t for name, t in problem.schedule.state_dict().items()},
        "random.state": default_generator.state,
    }
    assert tensors.keys() == own.keys()
    for name, tensor in own.items():
        np.testing.assert_array_equal(tensors[name], tensor.numpy(), err_msg=name)
    assert metadata["format"] == "rushlight.checkpoint.1"
    assert rl.History.from_json(metadata["history"]) == history
    assert json.loads(metadata["training"])["parts"]["model.3"] == "Dropout(p=0.3)"


def test_nothing_but_the_two_files_is_left(make_problem, tmp_path):
    make_problem().fit(3, checkpoint=tmp_path / "new" / "run")
    names = sorted(path.name for path in (tmp_path / "new" / "run").iterdir())
    assert names == ["best.safetensors", "last.safetensors"]


def mislabelled(dataset):
    """Data on which a model gets worse as it learns."""
    x, labels = dataset.arrays
    return Dataset(x, (labels + 1) % 3)


def test_the_best_checkpoint_is_of_the_best_epoch(make_problem, tmp_path):
    problem = make_problem()
    validation = mislabelled(problem.loader.dataset)
    history = problem.fit(8, checkpoint=tmp_path, validation=validation)
    assert history.best.epoch < history.last.epoch

    load_weights(tmp_path / BEST, problem.model)
    loss, accuracy = rl.evaluate(problem.model, validation, cross_entropy)
    assert loss == history.best.validation_loss
    assert accuracy == history.best.validation_accuracy


def test_training_goes_on_from_the_best_checkpoint_too(make_problem, tmp_path):
    first = make_problem()
    validation = mislabelled(first.loader.dataset)
    history = first.fit(8, checkpoint=tmp_path / "first", validation=validation)
    assert history.best.epoch < history.last.epoch
    (tmp_path / "second").mkdir()
    (tmp_path / "first" / BEST).rename(tmp_path / "second" / LAST)
    second = make_problem(seed=9)
    again = second.fit(8, checkpoint=tmp_path / "second", resume=True, validation=validation)
    assert again == history


def test_memory_keeps_its_order(make_problem, tmp_path):
    class Mix(rl.nn.Module):
        def __init__(self):
            super().__init__()
            table = np.arange(36.0, dtype=np.float32).reshape(2, 3, 6)
            self.buffer("table", rl.Tensor.wrap(table.transpose(2, 0, 1)))

        def forward(self, x):
            return x @ self.table.reshape(6, 6)

    def layers():
        return [Mix(), rl.nn.Linear(6, 3)]

    first, second = make_problem(layers), make_problem(layers)
    wanted = first.model[0].table.numpy().copy()
    first.fit(1, checkpoint=tmp_path, compiled=False)
    second.fit(1, checkpoint=tmp_path, resume=True, compiled=False)
    table = second.model[0].table
    np.testing.assert_array_equal(table.numpy(), wanted)
    assert table.data.strides == (4, 72, 24)


def test_what_was_loaded_does_not_hang_on_the_file(make_problem, tmp_path):
    make_problem().fit(1, checkpoint=tmp_path)
    problem = make_problem(seed=9)
    problem.fit(1, checkpoint=tmp_path, resume=True)
    load_weights(tmp_path / BEST, problem.model)
    loaded = problem.model.state_dict() | problem.optimizer.state_dict()
    assert [name for name, tensor in loaded.items() if not tensor.data.flags.writeable] == []


def other_layer():
    return [
        rl.nn.Linear(6, 16),
        rl.nn.BatchNorm(16),
        rl.nn.Tanh(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(16, 3),
    ]


def other_setting():
    return [*other_layer()[:2], rl.nn.ReLU(), rl.nn.Dropout(0.5), rl.nn.Linear(16, 3)]


def fewer_layers():
    return other_setting()[:1]


def other_size():
    return [
        rl.nn.Linear(6, 8),
        rl.nn.BatchNorm(8),
        rl.nn.ReLU(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(8, 3),
    ]


def sgd(parameters):
    return rl.optim.SGD(parameters, lr=0.01)


def adamw(parameters):
    return rl.optim.AdamW(parameters, lr=0.01)


def other_betas(parameters):
    return rl.optim.Adam(parameters, lr=0.01, betas=(0.9, 0.99))


def longer_cosine(optimizer):
    return rl.optim.CosineLR(optimizer, steps=30)


OTHERS = [
    ({"layers": other_layer}, "model.2 is ReLU() there, Tanh() here"),
    ({"layers": other_setting}, "model.3 is Dropout(p=0.3) there, Dropout(p=0.5) here"),
    ({"layers": fewer_layers}, "model.1 is BatchNorm(features=16) there, absent here"),
    ({"layers": other_size}, "model.0 is Linear(inputs=6, outputs=16) there, Linear(inputs=6, o"),
    ({"optimizer": sgd}, "optimizer is Adam("),
    ({"optimizer": adamw}, "optimizer is Adam("),
    ({"optimizer": other_betas}, "optimizer is Adam(betas=(0.9, 0.999)"),
    ({"schedule": longer_cosine}, "schedule is CosineLR("),
    ({"schedule": None}, "schedule is CosineLR("),
]


@pytest.mark.parametrize(("other", "message"), OTHERS, ids=[message for _, message in OTHERS])
def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(
    other, message, make_problem, same_state, tmp_path
):
    make_problem(schedule=cosine).fit(1, checkpoint=tmp_path)
    saved = (tmp_path / LAST).read_bytes()
    problem = make_problem(**({"schedule": cosine} | other))
    before = problem.state()
    with pytest.raises(rl.FormatError, match=re.escape(message)) as caught:
        problem.fit(2, checkpoint=tmp_path, resume=True)
    assert str(caught.value).startswith(str(tmp_path / LAST))
    same_state(problem.state(), before)
    assert problem.model.training
    assert (tmp_path / LAST).read_bytes() == saved


def test_other_data_is_refused_and_changes_nothing(make_problem, same_state, tmp_path):
    make_problem().fit(1, checkpoint=tmp_path)
    problem = make_problem(seed=9)
    problem.loader = DataLoader(problem.loader.dataset, 10, shuffle=True, seed=3)
    before = problem.state()
    with pytest.raises(rl.FormatError, match="a loader with batch_size 8, not 10"):
        problem.fit(2, checkpoint=tmp_path, resume=True)
    same_state(problem.state(), before)


def test_the_same_layers_around_another_shape_are_refused(make_problem, same_state, tmp_path):
    class Scale(rl.nn.Module):
        size = 6

        def __init__(self):
            super().__init__()
            self.factor = rl.nn.Parameter(np.ones(Scale.size, np.float32))

        def forward(self, x):
            return x * self.factor

    def layers():
        return [Scale(), rl.nn.Linear(6, 3)]

    make_problem(layers).fit(1, checkpoint=tmp_path)
    Scale.size = 1
    problem = make_problem(layers)
    before = problem.state()
    with pytest.raises(rl.FormatError, match=re.escape("float32 (6,) there, float32 (1,) here")):
        problem.fit(2, checkpoint=tmp_path, resume=True)
    same_state(problem.state(), before)


def rewrite(path, change):
    """Replace a checkpoint by one whose tensors and metadata `change` has changed, in place."""
    with load_file(path) as file:
        tensors = {name: file.tensor(name) for name in file.names}
        metadata = file.metadata
        training = json.loads(metadata["training"])
        change(tensors, metadata, training)
        if "training" in metadata:
            metadata["training"] = metadata["training"] and json.dumps(training)
        save_file(path, tensors, metadata)


def without_a_tensor(tensors, metadata, training):
    del tensors["optimizer.first.0"]


def with_a_tensor_too_many(tensors, metadata, training):
    tensors["model.extra"] = tensors["optimizer.lr"]


def without_its_state(tensors, metadata, training):
    del metadata["training"]


def without_a_history(tensors, metadata, training):
    del metadata["history"]


def of_a_later_format(tensors, metadata, training):
    metadata["format"] = "rushlight.checkpoint.2"


def with_a_broken_history(tensors, metadata, training):
    metadata["history"] = metadata["history"][:-3]


def with_a_history_of_nothing(tensors, metadata, training):
    metadata["history"] = "[]"


def with_empty_text_as_state(tensors, metadata, training):
    metadata["training"] = ""


def with_a_part_missing(tensors, metadata, training):
    del training["parts"]


def with_a_list_of_parts(tensors, metadata, training):
    training["parts"] = []


def with_a_number_as_part(tensors, metadata, training):
    training["parts"]["model"] = 7


def with_a_text_as_loader(tensors, metadata, training):
    training["loader"] = "nowhere"


def with_a_loader_past_the_end(tensors, metadata, training):
    training["loader"]["batch"] = 1000


def with_a_negative_epoch(tensors, metadata, training):
    training["loader"]["epoch"] = -1


def with_a_sum_that_is_nan(tensors, metadata, training):
    training["epoch"]["loss_sum"] = float("nan")


def with_half_a_sample(tensors, metadata, training):
    training["epoch"]["samples"] = 0.5


def with_more_samples_than_there_are_numbers(tensors, metadata, training):
    training["epoch"]["samples"] = 10**400


def with_a_number_as_truth(tensors, metadata, training):
    training["epoch"]["trained"] = 1


def with_an_order_of_no_tensor(tensors, metadata, training):
    training["orders"]["model.none"] = [1, 0]


def with_an_order_that_is_none(tensors, metadata, training):
    training["orders"]["model.0.weight"] = [0, 0]


def with_an_order_of_words(tensors, metadata, training):
    training["orders"]["model.0.weight"] = ["a", 1]


BROKEN = [
    without_a_tensor,
    with_a_tensor_too_many,
    without_its_state,
    without_a_history,
    of_a_later_format,
    with_a_broken_history,
    with_a_history_of_nothing,
    with_empty_text_as_state,
    with_a_part_missing,
    with_a_list_of_parts,
    with_a_number_as_part,
    with_a_text_as_loader,
    with_a_loader_past_the_end,
    with_a_negative_epoch,
    with_a_sum_that_is_nan,
    with_half_a_sample,
    with_more_samples_than_there_are_numbers,
    with_a_number_as_truth,
    with_an_order_of_no_tensor,
    with_an_order_that_is_none,
    with_an_order_of_words,
]


@pytest.mark.parametrize("change", BROKEN, ids=[change.__name__ for change in BROKEN])
def test_a_broken_checkpoint_is_refused_and_changes_nothing(
    change, make_problem, same_state, tmp_path
):
    make_problem().fit(1, checkpoint=tmp_path)
    rewrite(tmp_path / LAST, change)
    problem = make_problem(seed=9)
    before = problem.state()
    with pytest.raises(rl.FormatError) as caught:
        problem.fit(2, checkpoint=tmp_path, resume=True)
    assert str(caught.value).startswith(f"{tmp_path / LAST}: ")
    same_state(problem.state(), before)


def test_a_rewritten_checkpoint_with_no_change_is_taken(make_problem, tmp_path):
    make_problem().fit(1, checkpoint=tmp_path)
    rewrite(tmp_path / LAST, lambda *parts: None)
    assert len(make_problem().fit(2, checkpoint=tmp_path, resume=True)) == 2


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_checkpoint_cut_short_is_refused(length, make_problem, tmp_path):
    make_problem().fit(1, checkpoint=tmp_path)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[:length])
    with pytest.raises(rl.FormatError):
        make_problem().fit(2, checkpoint=tmp_path, resume=True)


def test_weights_of_another_model_are_refused(make_problem, tmp_path):
    make_problem().fit(1, checkpoint=tmp_path)
    model = rl.nn.Linear(6, 3)
    before = model.weight.numpy().copy()
    with pytest.raises(rl.ModuleError, match=r"missing: weight, bias; unexpected: 0\.weight"):
        load_weights(tmp_path / LAST, model)
    np.testing.assert_array_equal(model.weight.numpy(), before)


def test_weights_are_not_taken_from_another_kind_of_file(tmp_path):
    save_file(tmp_path / "a.safetensors", {}, {"format": "pt"})
    with pytest.raises(rl.FormatError, match="is no checkpoint of Rushlight"):
        load_weights(tmp_path / "a.safetensors", rl.nn.Linear(1, 1))


def test_a_file_in_place_of_the_folder_is_refused_before_training(make_problem, tmp_path):
    (tmp_path / "file").write_text("mine")
    problem = make_problem()
    before = problem.model[0].weight.numpy().copy()
    with pytest.raises(rl.UsageError, match="no folder for checkpoints can be made"):
        problem.fit(1, checkpoint=tmp_path / "file")
    np.testing.assert_array_equal(problem.model[0].weight.numpy(), before)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_checkpoint_that_cannot_be_written_is_an_error(make_problem, tmp_path):
    (tmp_path / LAST).mkdir()
    with pytest.raises(rl.FormatError, match="cannot be written"):
        make_problem().fit(1, checkpoint=tmp_path)


def kill(folder, kills):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(part.split("=") for part in done.stdout.split())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
def test_training_survives_being_killed_a_hundred_times(tmp_path):
    said = kill(tmp_path, kills=100)
    assert said["readable"] == "100"
    assert int(said["saves_hit"]) > 0
    assert said["same"] == "True"
