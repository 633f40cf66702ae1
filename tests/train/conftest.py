"""A small training to interrupt: everything in it depends on everything that must be saved."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.random import default_generator

FEATURES, CLASSES = 6, 3


def make_data(count, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, FEATURES)).astype(np.float32)
    return Dataset(x, np.abs(x).argmax(axis=1) % CLASSES)


class Problem:
    """A model, its optimiser, schedule and loader, as a program makes them when it starts."""

    def __init__(self, layers, optimizer, schedule=None, average=None, seed=0, transform=None):
        rl.manual_seed(seed)
        self.model = rl.nn.Sequential(*layers())
        self.optimizer = optimizer(self.model.parameters())
        self.schedule = schedule(self.optimizer) if schedule else None
        self.average = average(self.model) if average else None
        self.loader = DataLoader(make_data(50), 8, shuffle=True, seed=3, transform=transform)

    def fit(self, epochs, **options):
        loss = rl.nn.functional.cross_entropy
        options = {"progress": False, "validation": make_data(20, seed=1)} | options
        return rl.fit(
            self.model,
            options.pop("data", self.loader),
            loss=loss,
            optimizer=self.optimizer,
            schedule=self.schedule,
            average=self.average,
            epochs=epochs,
            **options,
        )

    def state(self):
        """Every number that training changes, by name, copied."""
        tensors = {
            **{f"model.{name}": t for name, t in self.model.state_dict().items()},
            **{f"optimizer.{name}": t for name, t in self.optimizer.state_dict().items()},
            "random": default_generator.state,
        }
        if self.schedule is not None:
            state = self.schedule.state_dict()
            tensors |= {f"schedule.{name}": tensor for name, tensor in state.items()}
        if self.average is not None:
            state = self.average.state_dict()
            tensors |= {f"average.{name}": tensor for name, tensor in state.items()}
        state = {name: tensor.numpy().copy() for name, tensor in tensors.items()}
        return state | {name: np.array(n) for name, n in self.loader.state_dict().items()}


def layers_with_state():
    return [
        rl.nn.Linear(FEATURES, 16),
        rl.nn.BatchNorm(16),
        rl.nn.ReLU(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(16, CLASSES),
    ]


def adam(parameters):
    return rl.optim.Adam(parameters, lr=0.01)


def assert_same_state(got, wanted):
    assert got.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)


@pytest.fixture
def similar_state():
    """A function that compares states of steps done in C and in NumPy, which round differently."""

    def compare(got, wanted):
        assert got.keys() == wanted.keys()
        for name, values in wanted.items():
            np.testing.assert_allclose(got[name], values, rtol=1e-3, atol=1e-4, err_msg=name)

    return compare


@pytest.fixture
def make_problem():
    """A function that makes the small training anew; parts of it can be replaced."""

    def make(layers=layers_with_state, optimizer=adam, schedule=None, average=None, **options):
        return Problem(layers, optimizer, schedule, average, **options)

    return make


@pytest.fixture
def same_state():
    """A function that compares two states, number by number."""
    return assert_same_state
