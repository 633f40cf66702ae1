"""Arguments that an optimiser or a schedule does not take are answered with those that it does."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from rushlight.core.errors import UsageError


def explained(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor: where the arguments do not fit, its hint is how it is called.

    >>> import rushlight as rl
    >>> rl.optim.StepLR(rl.optim.SGD([rl.ones(1)], lr=0.1), step_size=3)
    Traceback (most recent call last):
    rushlight.UsageError: StepLR: missing a required argument: 'size'
      hint: StepLR(optimizer, size, gamma=0.1)
    """
    signature = inspect.signature(init)

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            signature.bind(self, *args, **kwargs)
        except TypeError as error:
            name, (_, *parameters) = type(self).__name__, signature.parameters.values()
            taken = ", ".join(str(one.replace(annotation=one.empty)) for one in parameters)
            raise UsageError(f"{name}: {error}", hint=f"{name}({taken})") from None
        init(self, *args, **kwargs)

    return checked
