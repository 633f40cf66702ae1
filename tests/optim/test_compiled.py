"""Every optimiser, schedule and average inside a compiled step does what it does outside."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim
from rushlight.compile.function import compile_entry

STEPS = 8


def grouped(weights):
    return [{"params": weights[:1], "lr": 0.02, "maximize": True}, {"params": weights[1:]}]


OPTIMIZERS = {
    "dampened": lambda w: optim.SGD(w, 0.05, momentum=0.9, dampening=0.3),
    "maximizing": lambda w: optim.SGD(w, 0.01, maximize=True),
    "amsgrad": lambda w: optim.Adam(w, 0.05, amsgrad=True),
    "rmsprop": lambda w: optim.RMSprop(w, 0.02, momentum=0.5, centered=True),
    "adagrad": lambda w: optim.Adagrad(w, 0.1, lr_decay=0.1, initial=0.1),
    "adadelta": lambda w: optim.Adadelta(w, weight_decay=0.1),
    "adamax": lambda w: optim.Adamax(w, 0.05),
    "nadam": lambda w: optim.NAdam(w, 0.05, weight_decay=0.1, decoupled=True),
    "radam": lambda w: optim.RAdam(w, 0.05, weight_decay=0.1),
    "lion": lambda w: optim.Lion(w, 0.01, weight_decay=0.1),
    "adafactor": lambda w: optim.Adafactor(w, 0.1, weight_decay=0.1),
    "asgd": lambda w: optim.ASGD(w, 0.05, lambd=0.1, t0=3.0),
    "rprop": lambda w: optim.Rprop(w, 0.05),
    "groups of sgd": lambda w: optim.SGD(grouped(w), 0.05, momentum=0.9),
    "groups of adamw": lambda w: optim.AdamW(grouped(w), 0.05),
    "groups of nadam": lambda w: optim.NAdam(grouped(w), 0.05),
}
SCHEDULES = {
    "constant": lambda o: optim.ConstantLR(o, 0.5, 3),
    "milestones": lambda o: optim.MultiStepLR(o, [2, 5], 0.5),
    "linear": lambda o: optim.LinearLR(o, 4),
    "polynomial": lambda o: optim.PolynomialLR(o, 6, 2.0),
    "restarts": lambda o: optim.CosineRestartsLR(o, 2, growth=2),
    "one cycle": lambda o: optim.OneCycleLR(o, STEPS + 1, three_phase=True),
    "cyclic": lambda o: optim.CyclicLR(o, 0.001, 2, shape="triangular2"),
    "noam": lambda o: optim.InverseSquareRootLR(o, 3),
    "lambda": lambda o: optim.LambdaLR(o, lambda count: 0.9**count),
    "plateau": lambda o: optim.PlateauLR(o, 0.5, patience=0),
    "chained": lambda o: optim.ChainedLR([optim.StepLR(o, 3), optim.ExponentialLR(o, 0.9)]),
    "warmup": lambda o: optim.warmup(optim.CosineLR(o, 5), 3),
}
AVERAGES = {
    "ema": lambda net: optim.EMA(net, 0.9),
    "ema with warmup": lambda net: optim.EMA(net, 0.9, warmup=True),
    "swa": optim.SWA,
}


class Training:
    """A small network, and a step of training that takes a batch."""

    def __init__(self, optimizer=lambda w: optim.SGD(w, 0.1), schedule=None, average=None):
        rl.manual_seed(0)
        layers = [rl.nn.Linear(5, 6), rl.nn.Tanh(), rl.nn.Linear(6, 3)]
        self.net = rl.nn.Sequential(*layers)
        self.optimizer = optimizer(list(self.net.parameters()))
        self.schedule = schedule(self.optimizer) if schedule else None
        self.average = average(self.net) if average else None

    def step(self, x, labels):
        loss = rl.nn.functional.cross_entropy(self.net(x), labels)
        self.optimizer.backward_step(loss)
        if self.schedule is not None:
            self.schedule.step()
        if self.average is not None:
            self.average.update()
        return loss

    def run(self, function):
        random = np.random.default_rng(0)
        step = function(self.step)
        for _ in range(STEPS):
            x = rl.tensor(random.standard_normal((4, 5)).astype(np.float32))
            step(x, rl.tensor(random.integers(0, 3, 4)))
        parts = (self.net, self.optimizer, self.schedule, self.average)
        states = [part.state_dict() for part in parts if part is not None]
        return [x.numpy() for state in states for x in state.values()]

    def entry(self):
        return compile_entry(self.step, [rl.zeros(4, 5), rl.zeros(4, dtype="int64")])


CASES = [
    *[pytest.param({"optimizer": make}, id=name) for name, make in OPTIMIZERS.items()],
    *[pytest.param({"schedule": make}, id=name) for name, make in SCHEDULES.items()],
    *[pytest.param({"average": make}, id=name) for name, make in AVERAGES.items()],
]


@pytest.mark.parametrize("parts", CASES)
def test_a_step_that_is_replayed_gives_the_bits_of_the_step_itself(parts):
    wanted = Training(**parts).run(lambda step: step)
    got = Training(**parts).run(lambda step: rl.compile(step, native=False))
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("parts", CASES)
def test_a_step_in_c_does_what_the_step_itself_does(parts):
    wanted = Training(**parts).run(lambda step: step)
    training = Training(**parts)
    entry = training.entry()
    assert entry.reason is None
    got = training.run(rl.compile)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_one_graph_does_for_all_steps():
    training = Training(
        lambda w: optim.AdamW(grouped(w), 0.05),
        lambda o: optim.warmup(optim.CosineLR(o, 5), 3),
        optim.EMA,
    )
    compiled = rl.compile(training.step)
    training.run(lambda step: compiled)
    assert len(compiled.graphs) == 1


def test_a_setting_of_one_group_that_changes_is_seen():
    training = Training(lambda w: optim.SGD(grouped(w), 0.05))
    compiled = rl.compile(training.step, native=False)
    training.run(lambda step: compiled)
    training.optimizer.groups[1].weight_decay = 0.5
    training.run(lambda step: compiled)
    assert len(compiled.graphs) == 2


def test_a_setting_of_a_composed_schedule_that_changes_is_seen():
    training = Training(schedule=lambda o: optim.ChainedLR([optim.ExponentialLR(o, 0.9)]))
    compiled = rl.compile(training.step, native=False)
    training.run(lambda step: compiled)
    training.schedule.schedules[0].gamma = 0.5
    training.run(lambda step: compiled)
    assert len(compiled.graphs) == 2


def test_what_the_factor_of_a_schedule_takes_from_outside_is_seen():
    pace = 0.5
    training = Training(schedule=lambda o: optim.LambdaLR(o, lambda count: 1.0 / (1.0 + pace)))
    compiled = rl.compile(training.step, native=False)
    training.run(lambda step: compiled)
    pace = 1.0
    training.run(lambda step: compiled)
    assert len(compiled.graphs) == 2
    assert training.optimizer.lr.item() == training.schedule.bases[0] / 2.0
