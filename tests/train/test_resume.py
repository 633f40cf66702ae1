"""Training that was stopped and resumed is the training that never stopped, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader
from rushlight.train.step import make_step

EPOCHS = 4
BATCHES = 7  # of 50 samples, 8 a batch

SCRIPT = Path(__file__).with_name("small_training.py")


def with_batch_norm():
    return [
        rl.nn.Linear(6, 16),
        rl.nn.BatchNorm(16),
        rl.nn.ReLU(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(16, 3),
    ]


def with_layer_norm():
    return [
        rl.nn.Dropout(0.1),
        rl.nn.Linear(6, 12),
        rl.nn.LayerNorm(12),
        rl.nn.Tanh(),
        rl.nn.Linear(12, 3),
    ]


def with_one_layer():
    return [rl.nn.Linear(6, 3)]


def with_transposed_memory():
    first = rl.nn.Linear(6, 16)
    first.weight = rl.nn.Parameter(np.asfortranarray(first.weight.numpy()))
    return [first, rl.nn.Sigmoid(), rl.nn.Dropout(0.5), rl.nn.Linear(16, 3)]


def in_double_precision():
    layers = [rl.nn.BatchNorm(6), rl.nn.Linear(6, 3)]
    for layer in layers:
        layer.weight = rl.nn.Parameter(layer.weight.detach().cast("float64"))
        layer.bias = rl.nn.Parameter(layer.bias.detach().cast("float64"))
    return layers


class Augment(rl.nn.Module):
    """Adds noise, even in evaluation: it draws random numbers that training must not miss."""

    def forward(self, x):
        return x + rl.randn(x.shape) * 0.1


def with_noise():
    return [Augment(), rl.nn.Linear(6, 3)]


def sgd(parameters):
    return rl.optim.SGD(parameters, lr=0.1)


def momentum(parameters):
    return rl.optim.SGD(parameters, lr=0.05, momentum=0.9)


def nesterov(parameters):
    return rl.optim.SGD(parameters, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01)


def adam(parameters):
    return rl.optim.Adam(parameters, lr=0.01)


def adam_with_decay(parameters):
    return rl.optim.Adam(parameters, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)


def adamw(parameters):
    return rl.optim.AdamW(parameters, lr=0.01)


def steps(optimizer):
    return rl.optim.StepLR(optimizer, size=5, gamma=0.7)


def exponential(optimizer):
    return rl.optim.ExponentialLR(optimizer, gamma=0.97)


def cosine(optimizer):
    return rl.optim.CosineLR(optimizer, steps=EPOCHS * BATCHES, low=0.001)


def constant(optimizer):
    return rl.optim.ConstantLR(optimizer)


def dampened(parameters):
    return rl.optim.SGD(parameters, lr=0.05, momentum=0.9, dampening=0.2)


def amsgrad(parameters):
    return rl.optim.AdamW(parameters, lr=0.01, amsgrad=True)


def rmsprop(parameters):
    return rl.optim.RMSprop(parameters, lr=0.005, momentum=0.5, centered=True)


def adagrad(parameters):
    return rl.optim.Adagrad(parameters, lr=0.05, lr_decay=0.01)


def adadelta(parameters):
    return rl.optim.Adadelta(parameters, lr=0.5)


def adamax(parameters):
    return rl.optim.Adamax(parameters, lr=0.01)


def nadam(parameters):
    return rl.optim.NAdam(parameters, lr=0.01)


def radam(parameters):
    return rl.optim.RAdam(parameters, lr=0.01, weight_decay=0.1, decoupled=True)


def lion(parameters):
    return rl.optim.Lion(parameters, lr=0.001, weight_decay=0.1)


def adafactor(parameters):
    return rl.optim.Adafactor(parameters, lr=0.05)


def rprop(parameters):
    return rl.optim.Rprop(parameters, lr=0.001)


def grouped(parameters):
    first, *others = parameters
    return rl.optim.NAdam([{"params": [first], "lr": 0.02}, {"params": others}], lr=0.01)


def plateau(optimizer):
    return rl.optim.PlateauLR(optimizer, factor=0.5, patience=0, threshold=0.5)


def one_cycle(optimizer):
    return rl.optim.OneCycleLR(optimizer, steps=EPOCHS * BATCHES + 1)


def warm_plateau(optimizer):
    return rl.optim.warmup(plateau(optimizer), steps=10)


def restarts(optimizer):
    return rl.optim.CosineRestartsLR(optimizer, steps=5, growth=2)


def ema(model):
    return rl.optim.EMA(model, decay=0.9, warmup=True)


def swa(model):
    return rl.optim.SWA(model)


CASES = [
    (with_batch_norm, sgd, None),
    (with_batch_norm, momentum, steps),
    (with_batch_norm, nesterov, cosine),
    (with_batch_norm, adam, exponential),
    (with_batch_norm, adamw, cosine),
    (with_layer_norm, momentum, None),
    (with_layer_norm, adam_with_decay, steps),
    (with_layer_norm, adamw, constant),
    (with_one_layer, sgd, exponential),
    (with_one_layer, adam, None),
    (with_transposed_memory, nesterov, None),
    (with_transposed_memory, adam, cosine),
    (in_double_precision, adam, exponential),
    (with_noise, adamw, steps),
    (with_batch_norm, dampened, plateau, ema),
    (with_batch_norm, amsgrad, one_cycle, swa),
    (with_batch_norm, grouped, warm_plateau, ema),
    (with_layer_norm, rmsprop, restarts),
    (with_layer_norm, adagrad, plateau),
    (with_layer_norm, adadelta, None, swa),
    (with_one_layer, adamax, one_cycle),
    (with_one_layer, nadam, warm_plateau),
    (with_one_layer, radam, None),
    (with_transposed_memory, lion, plateau, ema),
    (with_transposed_memory, adafactor, None),
    (in_double_precision, rprop, None, ema),
    (in_double_precision, grouped, restarts),
]
IDS = ["-".join(part.__name__ for part in case if part) for case in CASES]


class StopAtBatch:
    """A transform that presses Ctrl-C as it makes batch number `wanted`, counted from 1."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.made = 0

    def __call__(self, x, labels):
        self.made += 1
        if self.made == self.wanted:
            signal.raise_signal(signal.SIGINT)
        return x, labels


def uninterrupted(make_problem, *case, transform=None, **options):
    problem = make_problem(*case, transform=transform)
    history = problem.fit(EPOCHS, **options)
    return problem.state(), history


def uninterrupted_by_batches(make_problem, *case, **options):
    """The same with a transform, so that Python makes each batch, as where Ctrl-C is pressed."""
    return uninterrupted(make_problem, *case, transform=StopAtBatch(None), **options)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_two_halves_are_the_whole(case, make_problem, same_state, tmp_path):
    state, history = uninterrupted(make_problem, *case, clip_norm=1.0)
    make_problem(*case).fit(2, clip_norm=1.0, checkpoint=tmp_path)

    second = make_problem(*case, seed=99)
    resumed = second.fit(EPOCHS, clip_norm=1.0, checkpoint=tmp_path, resume=True)

    same_state(second.state(), state)
    assert resumed == history


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_epoch_stopped_by_ctrl_c_is_finished(case, make_problem, same_state, tmp_path):
    state, history = uninterrupted_by_batches(make_problem, *case)
    first = make_problem(*case, transform=StopAtBatch(BATCHES + 3))
    with pytest.raises(KeyboardInterrupt, match="batch 3 of epoch 2"):
        first.fit(EPOCHS, checkpoint=tmp_path)

    second = make_problem(*case, seed=99, transform=StopAtBatch(None))
    resumed = second.fit(EPOCHS, checkpoint=tmp_path, resume=True)

    same_state(second.state(), state)
    assert resumed == history


@pytest.mark.parametrize("batch", [1, BATCHES, BATCHES + 1, EPOCHS * BATCHES])
def test_ctrl_c_may_come_at_the_ends_of_an_epoch(batch, make_problem, same_state, tmp_path):
    case = (with_batch_norm, adamw, cosine)
    state, history = uninterrupted_by_batches(make_problem, *case)
    with pytest.raises(KeyboardInterrupt):
        make_problem(*case, transform=StopAtBatch(batch)).fit(EPOCHS, checkpoint=tmp_path)

    second = make_problem(*case, seed=99, transform=StopAtBatch(None))
    resumed = second.fit(EPOCHS, checkpoint=tmp_path, resume=True)

    same_state(second.state(), state)
    assert resumed == history


def test_ctrl_c_in_the_validation_is_resumed_with_the_validation(
    make_problem, same_state, tmp_path
):
    case = (with_batch_norm, momentum, steps)
    validation = make_problem().loader.dataset
    state, history = uninterrupted_by_batches(
        make_problem, *case, validation=DataLoader(validation, 8)
    )
    stopping = DataLoader(validation, 8, transform=StopAtBatch(BATCHES + 2))
    with pytest.raises(KeyboardInterrupt, match="batch 7 of epoch 2"):
        first = make_problem(*case, transform=StopAtBatch(None))
        first.fit(EPOCHS, checkpoint=tmp_path, validation=stopping)

    counting = StopAtBatch(None)
    second = make_problem(*case, seed=99, transform=counting)
    resumed = second.fit(
        EPOCHS, checkpoint=tmp_path, resume=True, validation=DataLoader(validation, 8)
    )

    assert counting.made == 2 * BATCHES
    same_state(second.state(), state)
    assert resumed == history


def test_training_stopped_at_every_batch_is_the_same(make_problem, same_state, tmp_path):
    case = (with_batch_norm, adam, cosine)
    state, history = uninterrupted_by_batches(make_problem, *case)
    stops = 0
    while True:
        problem = make_problem(*case, seed=stops, transform=StopAtBatch(1))
        try:
            resumed = problem.fit(EPOCHS, checkpoint=tmp_path, resume=True)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops == EPOCHS * BATCHES
    same_state(problem.state(), state)
    assert resumed == history


def test_a_finished_training_is_resumed_to_the_same_result(make_problem, same_state, tmp_path):
    first = make_problem()
    history = first.fit(EPOCHS, checkpoint=tmp_path)
    state = first.state()
    second = make_problem(seed=99)
    assert second.fit(EPOCHS, checkpoint=tmp_path, resume=True) == history
    same_state(second.state(), state)


def test_resume_without_a_checkpoint_begins_at_the_beginning(make_problem, same_state, tmp_path):
    state, history = uninterrupted(make_problem)
    problem = make_problem()
    assert problem.fit(EPOCHS, checkpoint=tmp_path / "new" / "folder", resume=True) == history
    same_state(problem.state(), state)


def test_patience_counts_the_epochs_before_the_resume(make_problem, tmp_path):
    def learns_nothing(parameters):
        return rl.optim.SGD(parameters, lr=0.0)

    case = (with_one_layer, learns_nothing)
    make_problem(*case).fit(3, checkpoint=tmp_path, patience=5)
    history = make_problem(*case).fit(100, checkpoint=tmp_path, patience=5, resume=True)
    assert (history.best.epoch, history.last.epoch) == (1, 6)
    again = make_problem(*case).fit(100, checkpoint=tmp_path, patience=5, resume=True)
    assert again == history


def test_ctrl_c_without_checkpoints_leaves_whole_steps(make_problem, same_state):
    first = make_problem(transform=StopAtBatch(3))
    with pytest.raises(KeyboardInterrupt, match="batch 3 of epoch 1"):
        first.fit(EPOCHS, compiled=False)

    second = make_problem()
    step = make_step(second.model, rl.nn.functional.cross_entropy, second.optimizer)
    for _, batch in zip(range(3), second.loader, strict=False):
        step(*batch)
    same_state(first.state(), second.state())
    assert not first.model.training


def run_script(folder, presses=0):
    wait = 0.05 if presses else 0
    command = [sys.executable, str(SCRIPT), str(folder), str(wait)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        if presses:
            assert process.stderr.readline().startswith("epoch 1/")
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        output, errors = process.communicate(timeout=100)
    return process.returncode, output, errors


@pytest.mark.parametrize("presses", [1, 20])
def test_a_process_stopped_by_sigint_saves_and_another_one_goes_on(presses, tmp_path):
    code, wanted, errors = run_script(tmp_path / "whole")
    assert code == 0, errors

    folder = tmp_path / "stopped"
    code, output, errors = run_script(folder, presses)
    assert code == -signal.SIGINT
    assert output == ""
    saved = [line for line in errors.splitlines() if line.startswith("stopped after")]
    assert len(saved) == 1
    assert saved[0].endswith(f"fit goes on from {folder / 'last.safetensors'} with resume=True")

    code, output, errors = run_script(folder)
    assert code == 0, errors
    assert errors.startswith("going on after ")
    assert output == wanted
