"""Functions of the user's that are called before and after a layer's `forward`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rushlight.core.mode import mode
from rushlight.graph.trace import Tracer

if TYPE_CHECKING:
    from rushlight.nn.module import Module


class Hook:
    """A function that a module calls, until `remove()`; as a context manager, for a block.

    >>> import rushlight as rl
    >>> layer = rl.nn.ReLU()
    >>> with layer.register_forward_pre_hook(lambda module, args: args[0] * 3.0):
    ...     layer(rl.ones(1))
    tensor([3.])
    """

    def __init__(
        self, module: "Module", function: Callable[..., Any], before: bool, with_kwargs: bool
    ) -> None:
        self.module = module
        self.function = function
        self.before = before
        self.with_kwargs = with_kwargs

    def remove(self) -> None:
        """Let the module call the function no more; a second time does nothing."""
        left = tuple(hook for hook in self.module._hooks if hook is not self)
        if len(left) < len(self.module._hooks):
            self.module._hooks = left
            self.module._changes += 1

    def __enter__(self) -> "Hook":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


@contextmanager
def unhooked(module: "Module") -> Iterator[None]:
    """Leave out all hooks of a module and of those inside for a block.

    >>> import rushlight as rl
    >>> layer = rl.nn.ReLU()
    >>> hook = layer.register_forward_hook(lambda module, args, output: output + 1.0)
    >>> with unhooked(layer):
    ...     layer(rl.ones(1))
    tensor([1.])
    """
    held = [(layer, layer._hooks) for layer in module.modules() if layer._hooks]
    for layer, _ in held:
        layer._hooks = ()
        layer._changes += 1
    try:
        yield
    finally:
        for layer, hooks in held:
            layer._hooks = hooks
            layer._changes += 1


def run_hooked(
    forward: Callable[..., Any],
    module: "Module",
    hooks: tuple[Hook, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Return what `forward` and the hooks around it make of the arguments."""
    if isinstance(mode.evaluator, Tracer):
        for hook in hooks:
            mode.evaluator.guards.note_function(hook.function)
    for hook in hooks:
        if hook.before:
            given = hook.function(module, args)
            if given is not None:
                args = given if isinstance(given, tuple) else (given,)
    output = forward(*args, **kwargs)
    for hook in hooks:
        if not hook.before:
            options = (kwargs,) if hook.with_kwargs else ()
            given = hook.function(module, args, *options, output)
            output = output if given is None else given
    return output
