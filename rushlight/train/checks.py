"""Whether the parts of a training belong together."""

from typing import Any

from rushlight.core.errors import UsageError
from rushlight.optim.average import Average
from rushlight.optim.lbfgs import LBFGS
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Schedule
from rushlight.train.step import check_model


def check_parts(model: Any, optimizer: Any, schedule: Any = None, average: Any = None) -> None:
    """Raise UsageError unless all are what they should be, and of this model.

    >>> import rushlight as rl
    >>> check_parts(rl.nn.Linear(1, 1), rl.optim.SGD([rl.ones(1)], lr=0.1))
    Traceback (most recent call last):
    rushlight.UsageError: the optimiser trains none of the model's parameters
      hint: make it with model.parameters() of this model
    """
    check_model(model)
    for name, thing, kind in [
        ("optimizer", optimizer, Optimizer),
        ("schedule", schedule, Schedule),
        ("average", average, Average),
    ]:
        if not isinstance(thing, kind) and (thing is not None or kind is Optimizer):
            fact = f"{name} is no {kind.__name__} but a {type(thing).__name__}"
            hint = None
            if isinstance(thing, LBFGS):
                hint = "L-BFGS wants a loop of your own: optimizer.step(closure)"
            elif kind is Optimizer:
                hint = "such as rl.optim.Adam(model.parameters(), lr=0.001)"
            raise UsageError(fact, hint=hint)
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(parameter) in own for parameter in optimizer.parameters):
        fact = "the optimiser trains none of the model's parameters"
        raise UsageError(fact, hint="make it with model.parameters() of this model")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise UsageError("the schedule sets the learning rate of another optimiser")
    for name, weight in ({} if average is None else average.weights).items():
        if id(weight) not in own:
            fact = f"the average follows {name}, which is no parameter of the model"
            raise UsageError(fact, hint="make it of this model, or of some of its parameters")
