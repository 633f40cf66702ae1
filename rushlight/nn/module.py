"""`Module`: a layer, or a network of layers, with named parameters and buffers."""

import functools
import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from rushlight.core.errors import DTypeError, ModuleError, ShapeError, did_you_mean
from rushlight.core.mode import mode
from rushlight.core.primitive import Array
from rushlight.nn.summary import summarize
from rushlight.tensor import Tensor

REGISTRY: dict[str, type["Module"]] = {}  # the layers that a model file may name


class Parameter(Tensor):
    """A tensor that a module trains.

    >>> Parameter([1.0, 2.0])
    parameter([1., 2.])
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data)
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        text = super().__repr__().replace("tensor", "parameter", 1)
        return text.replace(", requires_grad=True", "")


class Module:
    """The base of all layers: subclass it, make parameters in `__init__`, compute in `forward`.

    Parameters, buffers (`self.buffer(name, tensor)`) and submodules are found by assignment.

    >>> import rushlight as rl
    >>> class Scale(rl.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = rl.nn.Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(rl.ones(2))
    tensor([2., 2.], requires_grad=True)
    """

    registered = False  # whether a model file may name this class
    arguments: dict[str, Any]  # what the constructor was given, for model files and repr

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> "Module":
        self = super().__new__(cls)
        fields = self.__dict__
        fields["_parameters"] = OrderedDict()
        fields["_buffers"] = OrderedDict()
        fields["_modules"] = OrderedDict()
        fields["_training"] = True
        fields["_name"] = ""
        fields["arguments"] = {}
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; subclasses define it."""
        raise ModuleError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode.modules.append(self._name)
        try:
            output = self.forward(*args, **kwargs)
            if mode.observer is not None:
                mode.observer(self, output)
            return output
        finally:
            mode.modules.pop()

    @property
    def training(self) -> bool:
        """Whether the module is in training mode, as dropout and batch norm need to know."""
        training: bool = self._training
        mode.evaluator.watch(self, "_training", training)
        return training

    def __setattr__(self, name: str, value: Any) -> None:
        self._forget(name)
        if isinstance(value, Parameter):
            self._parameters[name] = value
            value.name = value.name or name
        elif isinstance(value, Module):
            self._modules[name] = value
            value.__dict__["_name"] = name
        else:
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table, {})
            if name in found:
                return found[name]
        hint = did_you_mean(name, [*self.__dict__, *self._parameters, *self._modules])
        more = f"; {hint}" if hint else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{more}")

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name: str) -> bool:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return True
        return False

    def buffer(self, name: str, tensor: Tensor) -> None:
        """Keep a tensor that is saved with the module but not trained."""
        self.__dict__.pop(name, None)
        self._buffers[name] = tensor
        tensor.name = tensor.name or name

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield the path and the module of this one and everything inside, outermost first."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def children(self) -> Iterator["Module"]:
        """Yield the modules directly inside."""
        yield from self._modules.values()

    def modules(self) -> Iterator["Module"]:
        """Yield this module and every module inside."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the path and the tensor of every parameter, each tensor once."""
        yield from self._named("_parameters")

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the path and the tensor of every buffer, each tensor once."""
        yield from self._named("_buffers")

    def _named(self, table: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, tensor in getattr(module, table).items():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{path}.{name}" if path else name), tensor

    def state_dict(self) -> dict[str, Tensor]:
        """Return every parameter and buffer by its path; the tensors are the module's own.

        >>> import rushlight as rl
        >>> list(rl.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        return dict([*self.named_parameters(), *self.named_buffers()])

    def load_state_dict(self, state: Mapping[str, Tensor | Array], strict: bool = True) -> None:
        """Give parameters and buffers the values in `state`; nothing changes if anything is wrong.

        Args:
            state: tensors or arrays by path.
            strict: refuse missing and unexpected names.

        Raises:
            ModuleError: for missing or unexpected names, all of them listed.
            ShapeError, DTypeError: for a tensor that does not fit, named.
        """
        own = self.state_dict()
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        if strict and (missing or unexpected):
            facts = [f"missing: {', '.join(missing)}"] if missing else []
            facts += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
            raise ModuleError(f"the state does not fit {type(self).__name__}; " + "; ".join(facts))
        values = {name: _fitting(name, own[name], state[name]) for name in own if name in state}
        for name, value in values.items():
            own[name].assign(value)

    def train(self, training: bool = True) -> "Module":
        """Put this module and all inside into training mode; return it."""
        for module in self.modules():
            module.__dict__["_training"] = training
        return self

    def eval(self) -> "Module":
        """Put this module and all inside into evaluation mode; return it."""
        return self.train(False)

    def requires_grad_(self, wanted: bool = True) -> "Module":
        """Switch on or off that the parameters are trained; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(wanted)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def summary(self, *input_shape: int) -> str:
        """Return a table of the layers with their parameters and, given a batch's shape, outputs.

        >>> import rushlight as rl
        >>> print(rl.nn.Sequential(rl.nn.Linear(4, 2), rl.nn.ReLU()).summary(1, 4))
        layer       kind        output  parameters
        (whole)     Sequential  (1, 2)          10
        0           Linear      (1, 2)          10
        1           ReLU        (1, 2)           0
        10 parameters (10 trained), 40 bytes
        """
        return summarize(self, input_shape or None)

    def details(self) -> str:
        """Return what stands in the parentheses of the repr."""
        return ", ".join(
            f"{name}={value!r}" if position and isinstance(value, (bool, str)) else repr(value)
            for position, (name, value) in enumerate(self.arguments.items())
            if not isinstance(value, Module)
        )

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self._modules:
            return f"{name}({self.details()})"
        lines = [f"{name}("]
        for key, module in self._modules.items():
            inner = repr(module).replace("\n", "\n  ")
            lines.append(f"  ({key}): {inner}")
        return "\n".join([*lines, ")"])


def register(cls: type[Module]) -> type[Module]:
    """Let model files name this class: its constructor's arguments must be plain JSON or modules."""
    REGISTRY[cls.__name__] = cls
    cls.registered = True
    return cls


def _remembering(init: Any) -> Any:
    """Wrap a constructor so that the outermost one notes the arguments it was given."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def remember(self: Module, *args: Any, **kwargs: Any) -> None:
        if not self.arguments:
            bound = signature.bind(self, *args, **kwargs)
            given = list(bound.arguments.items())[1:]
            self.__dict__["arguments"] = _plain(given, signature)
        init(self, *args, **kwargs)

    return remember


def _plain(given: list[tuple[str, Any]], signature: inspect.Signature) -> dict[str, Any]:
    """Return the arguments by name, `*args` under its own name, `**kwargs` merged."""
    arguments: dict[str, Any] = {}
    for name, value in given:
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        else:
            arguments[name] = value
    return arguments


def _fitting(name: str, own: Tensor, given: Tensor | Array) -> Tensor:
    value = given if isinstance(given, Tensor) else Tensor(given)
    if value.shape != own.shape:
        raise ShapeError(f"{name} has shape {own.shape}, the state has {value.shape}")
    if value.dtype is not own.dtype:
        raise DTypeError(f"{name} is {own.dtype}, the state has {value.dtype}")
    return value
