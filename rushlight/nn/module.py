"""`Module`: a layer, or a network of layers, with named parameters and buffers."""

import functools
import inspect
import reprlib
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from rushlight.core.advice import MODULE, advice
from rushlight.core.dtypes import BY_NAME, DTypeLike, as_dtype
from rushlight.core.errors import (
    DTypeError,
    ModuleError,
    RushlightError,
    ShapeError,
)
from rushlight.core.mode import mode
from rushlight.core.shapes import as_shape
from rushlight.core.source import user_line
from rushlight.graph.trace import Tracer
from rushlight.nn.hooks import Hook, run_hooked
from rushlight.nn.parts import Parts, bound, brief, held
from rushlight.nn.state import State, copied, load_state
from rushlight.nn.summary import summarize
from rushlight.tensor import Tensor, check_device

REGISTRY: dict[str, type["Module"]] = {}  # the layers that a model file may name
CONTAINERS = (list, tuple, dict)  # where modules and parameters are looked for
_OF_KWARGS = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)


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

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        copy = Parameter(copied(self), requires_grad=self.requires_grad)
        copy.name = self.name
        memo[id(self)] = copy
        return copy


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor: the outermost one notes its arguments, and its errors name the layer."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def remember(self: "Module", *args: Any, **kwargs: Any) -> None:
        if self._arguments is not None:  # a subclass's constructor is at work
            init(self, *args, **kwargs)
            return
        try:
            object.__setattr__(self, "_arguments", bound(signature, (self, *args), kwargs))
            init(self, *args, **kwargs)
        except RushlightError as error:
            error.op = error.op or type(self).__name__
            error.source = error.source or user_line()
            raise

    return remember


class Module:
    """The base of all layers: subclass it, make parameters in `__init__`, compute in `forward`.

    Parameters, buffers (`self.buffer(name, tensor)`) and other modules are found by assignment,
    also in lists, tuples and dicts.

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

    # In `__dict__` is what subclasses assign, in the other slots what the module itself notes.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_arguments",
        "_buffers",
        "_changes",
        "_containers",
        "_frozen",
        "_hooks",
        "_name",
        "_training",
    )

    registered = False  # whether a model file may name this class
    _arguments: dict[str, Any] | None
    _buffers: tuple[str, ...]  # which attributes are buffers
    _changes: int  # how often a parameter, buffer or module was replaced
    _containers: tuple[str, ...]  # which are lists, tuples or dicts that may hold modules
    _frozen: bool
    _hooks: tuple[Hook, ...]  # what is called before and after `forward`
    _name: str  # under which the module was last assigned to another
    _training: bool

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.registered = False
        if "__init__" in cls.__dict__:
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> "Module":
        self = super().__new__(cls)
        note = object.__setattr__
        note(self, "_arguments", None)
        note(self, "_buffers", ())
        note(self, "_changes", 0)
        note(self, "_containers", ())
        note(self, "_frozen", False)
        note(self, "_hooks", ())
        note(self, "_name", "")
        note(self, "_training", True)
        return self

    @_remembering
    def __init__(self) -> None:
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; subclasses define it."""
        fact = f"{type(self).__name__} has no forward method"
        raise ModuleError(fact, hint="define forward(self, x), which returns the output")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode.evaluator.watch(self, "_changes", self._changes)
        if self._containers and isinstance(mode.evaluator, Tracer):
            mode.evaluator.watch(self, "_contained", self._contained)
        mode.modules.append(self)
        try:
            if self._hooks:
                output = run_hooked(self.forward, self, self._hooks, args, kwargs)
            else:
                output = self.forward(*args, **kwargs)
            if mode.observer is not None:
                mode.observer(self, output)
            return output
        except Exception as error:
            _say_where(error)
            raise
        finally:
            mode.modules.pop()

    @property
    def arguments(self) -> dict[str, Any]:
        """What the constructor was given, by name: for registered layers plain JSON or modules."""
        return self._arguments or {}

    @property
    def training(self) -> bool:
        """Whether the module is in training mode, as dropout and batch norm need to know.

        A frozen one never is.
        """
        training: bool = self._training
        mode.evaluator.watch(self, "_training", training)
        return training and not self._frozen

    @training.setter
    def training(self, training: bool) -> None:
        self._training = training

    @property
    def frozen(self) -> bool:
        """Whether the module stays as it is while others are trained: see `freeze`."""
        return self._frozen

    @frozen.setter
    def frozen(self, frozen: bool) -> None:
        self._frozen = frozen
        self._changes += 1

    @property
    def _contained(self) -> Parts:
        """What lists, tuples and dicts hold, which can change without an assignment."""
        found = (held(name, self.__dict__.get(name)) for name in self._containers)
        return Parts(x for one in found for _, x in one if isinstance(x, (Parameter, Module)))

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Tensor) and isinstance(value, Tensor):
            if name in self._buffers and _same_kind(before, value):
                before.assign(value)
                return
            if isinstance(before, Parameter) and not isinstance(value, Parameter):
                fact = f"{name} is a parameter, and a plain tensor would not be trained or saved"
                hint = f"self.{name}.assign(tensor) changes its values"
                raise ModuleError(fact, hint=hint)
        if isinstance(value, (Parameter, Module)):
            _check_free(name)
            if isinstance(value, Module):
                value._name = name
            else:
                value.name = value.name or name
        if isinstance(value, (Parameter, Module)) or isinstance(before, (Parameter, Module)):
            self._changes += 1
        if isinstance(value, CONTAINERS) and _may_hold_modules(value):
            self._containers = tuple(dict.fromkeys((*self._containers, name)))
            self._changes += 1 if value else 0
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._buffers = tuple(buffer for buffer in self._buffers if buffer != name)
        self._changes += 1

    def __getattr__(self, name: str) -> Any:
        more = advice(MODULE, name, [*self.__dict__, *dir(type(self))])
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{more}")

    def buffer(self, name: str, tensor: Tensor) -> None:
        """Keep a tensor that is saved with the module but not trained.

        Assigning to the attribute later changes the values of this tensor.
        """
        if not isinstance(tensor, Tensor):
            raise ModuleError(f"buffer {name!r} must be a tensor, not {type(tensor).__name__}")
        _check_free(name)
        self.__dict__[name] = tensor
        self._buffers = tuple(dict.fromkeys((*self._buffers, name)))
        self._changes += 1
        tensor.name = tensor.name or name

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the name and the module of those directly inside, also in lists and dicts."""
        for name, found in self._attributes():
            if isinstance(found, Module):
                yield name, found

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and the value of each attribute; for a container, of what it holds."""
        for name, value in list(self.__dict__.items()):
            if name in self._containers:
                yield from held(name, value)
            else:
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield the path and the module of this one and all inside, outermost first, each once."""
        seen: set[int] = set()

        def walk(path: str, module: Module) -> Iterator[tuple[str, Module]]:
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                for name, child in module.named_children():
                    yield from walk(f"{path}.{name}" if path else name, child)

        yield from walk(prefix, self)

    def children(self) -> Iterator["Module"]:
        """Yield the modules directly inside."""
        for _, module in self.named_children():
            yield module

    def modules(self) -> Iterator["Module"]:
        """Yield this module and every module inside, each once."""
        for _, module in self.named_modules():
            yield module

    def path_in(self, outer: Any) -> str:
        """Return the path of this module inside another, or its own name where it is not."""
        if not isinstance(outer, Module):
            return self._name
        for path, module in outer.named_children():
            if module is self:
                return path
        paths = (path for path, module in outer.named_modules() if module is self)
        return next(paths, self._name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the path and the tensor of every parameter, each tensor once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, found in module._attributes():
                if isinstance(found, Parameter) and id(found) not in seen:
                    seen.add(id(found))
                    yield f"{path}.{name}" if path else name, found

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the path and the tensor of every buffer."""
        for path, module in self.named_modules():
            for name in module._buffers:
                tensor = module.__dict__.get(name)
                if isinstance(tensor, Tensor):
                    yield f"{path}.{name}" if path else name, tensor

    def state_dict(self) -> dict[str, Tensor]:
        """Return every parameter and buffer by its path; the tensors are the module's own.

        A parameter that is used in several places stands under the first path. Raises ModuleError
        where two tensors have one path, such as those of the keys 1 and "1" of a dict.

        >>> import rushlight as rl
        >>> list(rl.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        state: dict[str, Tensor] = {}
        for name, tensor in (*self.named_parameters(), *self.named_buffers()):
            if state.setdefault(name, tensor) is not tensor:
                fact = f"two tensors of {type(self).__name__} have the name {name}"
                raise ModuleError(fact, hint="use no dots in names, and keys that differ as text")
        return state

    def load_state_dict(self, state: State, strict: bool = True) -> None:
        """Give parameters and buffers the values in `state`; nothing changes if anything is wrong.

        Args:
            state: tensors or arrays by path.
            strict: refuse missing and unexpected names.

        Raises:
            ModuleError: for missing or unexpected names, all of them listed.
            ShapeError, DTypeError: for a tensor that does not fit, named.
        """
        load_state(self.state_dict(), state, type(self).__name__, strict)

    def train(self, training: bool = True) -> "Module":
        """Put this module and all inside into training mode; return it."""
        for module in self.modules():
            module._training = training
        return self

    def eval(self) -> "Module":
        """Put this module and all inside into evaluation mode; return it."""
        return self.train(False)

    def requires_grad_(self, wanted: bool = True) -> "Module":
        """Switch on or off that the parameters are trained; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(wanted)
        self._changes += 1
        return self

    def freeze(self) -> "Module":
        """Keep this module and all inside as they are while others are trained; return it.

        Parameters are not trained, and the module computes as in evaluation mode, also after
        `train()`: batch norms keep their running statistics and use them, dropout drops nothing.
        A model file keeps what is frozen.

        >>> import rushlight as rl
        >>> net = rl.nn.Sequential(rl.nn.Linear(4, 3).freeze(), rl.nn.Linear(3, 2)).train()
        >>> net[0].training, [name for name, x in net.named_parameters() if x.requires_grad]
        (False, ['1.weight', '1.bias'])
        """
        return self._set_frozen(True)

    def unfreeze(self) -> "Module":
        """Undo `freeze` for this module and all inside; return it."""
        return self._set_frozen(False)

    def _set_frozen(self, frozen: bool) -> "Module":
        for module in self.modules():
            module.frozen = frozen
        return self.requires_grad_(not frozen)

    def apply(self, function: Callable[["Module"], Any]) -> "Module":
        """Call a function with every module, those inside before the one that holds them.

        >>> import rushlight as rl
        >>> net = rl.nn.Sequential(rl.nn.Linear(1, 1), rl.nn.ReLU())
        >>> _ = net.apply(lambda module: print(type(module).__name__))
        Linear
        ReLU
        Sequential
        """
        seen: set[int] = set()

        def visit(module: Module) -> None:
            seen.add(id(module))
            for child in module.children():
                if id(child) not in seen:
                    visit(child)
            function(module)

        visit(self)
        return self

    def num_parameters(self, trained_only: bool = False) -> int:
        """Return how many numbers all parameters hold, or those that are trained.

        >>> import rushlight as rl
        >>> rl.nn.Linear(4, 2).num_parameters()
        10
        """
        wanted = (x for x in self.parameters() if x.requires_grad or not trained_only)
        return sum(parameter.size for parameter in wanted)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Hook:
        """Call hook(module, args) before `forward`; return what takes the hook off: `.remove()`.

        What the hook returns, a tuple or one value, takes the place of the positional arguments;
        None leaves them. A hook is no part of a model file.
        """
        return self._hook(hook, before=True)

    def register_forward_hook(self, hook: Callable[..., Any], with_kwargs: bool = False) -> Hook:
        """Call hook(module, args, output) after `forward`; return what takes it off: `.remove()`.

        What the hook returns takes the place of the output; None leaves it. A hook is no part of a
        model file. With `with_kwargs` it is hook(module, args, kwargs, output).

        >>> import rushlight as rl
        >>> layer = rl.nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1.0)
        >>> layer(rl.ones(1))
        tensor([2.])
        >>> handle.remove()
        >>> layer(rl.ones(1))
        tensor([1.])
        """
        return self._hook(hook, before=False, with_kwargs=with_kwargs)

    def _hook(self, function: Callable[..., Any], before: bool, with_kwargs: bool = False) -> Hook:
        if not callable(function):
            raise ModuleError(f"a hook is a function, not {brief(function)}")
        hook = Hook(self, function, before, with_kwargs)
        self._hooks += (hook,)
        self._changes += 1
        return hook

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def cast(self, dtype: DTypeLike) -> "Module":
        """Turn every float parameter and buffer into another float dtype, in place; return it.

        >>> import rushlight as rl
        >>> rl.nn.Linear(2, 1).cast("float64")(rl.ones(2, dtype="float64")).dtype
        float64
        """
        target = as_dtype(dtype)
        if not target.is_float:
            raise DTypeError(f"the parameters of a module are floats, not {target}")
        for tensor in self.state_dict().values():
            if tensor.dtype.is_float:
                made = tensor.detach().cast(target)
                tensor.data, tensor._dtype, tensor._grad = made.data, made._dtype, None
        for module in self.modules():
            module._changes += 1
        return self

    def to(self, target: DTypeLike) -> "Module":
        """Cast the module to a dtype, or leave it on device "cpu"; return it."""
        if isinstance(target, str) and target not in BY_NAME:
            check_device(target)
            return self
        return self.cast(target)

    def summary(self, *input_shape: Any, dtype: DTypeLike = "float32") -> str:
        """Return a table of the layers with their parameters and, given a batch's shape, outputs.

        >>> import rushlight as rl
        >>> print(rl.nn.Sequential(rl.nn.Linear(4, 2), rl.nn.ReLU()).summary(1, 4))
        layer       kind        output  parameters
        (whole)     Sequential  (1, 2)          10
        0           Linear      (1, 2)          10
        1           ReLU        (1, 2)           0
        10 parameters (10 trained), 40 bytes
        """
        shape = as_shape(input_shape[0] if len(input_shape) == 1 else input_shape)
        if any(size < 0 for size in shape):
            raise ShapeError(f"sizes cannot be negative: {shape}")
        return summarize(self, shape or None, dtype)

    def details(self) -> str:
        """Return what the repr shows of the constructor's arguments: no modules, no defaults."""
        parameters = inspect.signature(type(self).__init__).parameters
        texts: list[str] = []
        for name, value in self.arguments.items():
            if any(isinstance(found, Module) for _, found in held(name, value)):
                continue
            parameter = parameters.get(name, _OF_KWARGS)
            required = parameter.default is parameter.empty
            if parameter.kind is parameter.VAR_POSITIONAL:
                texts += map(brief, value)
            elif required and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                texts.append(brief(value))
            elif required or repr(value) != repr(parameter.default):
                texts.append(f"{name}={brief(value)}")
        return ", ".join(texts)

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        details = self.details()
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({details})"
        lines = [f"{type(self).__name__}({details}{',' if details else ''}"]
        lines += [textwrap.indent(f"({name}): {child!r}", "  ") for name, child in children]
        return "\n".join([*lines, ")"])


def register(cls: type[Module]) -> type[Module]:
    """Let model files name this class: its constructor must take plain JSON, or modules."""
    known = REGISTRY.get(cls.__name__, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ModuleError(f"{known.__module__} has registered a layer {cls.__name__} already")
    REGISTRY[cls.__name__] = cls
    cls.registered = True
    return cls


def _may_hold_modules(container: Any) -> bool:
    """Return whether a container holds a module or parameter, or is empty and may get one."""
    return not container or any(
        isinstance(found, (Parameter, Module)) for _, found in held("", container)
    )


def _check_free(name: str) -> None:
    """Raise if a parameter, buffer or module of this name would hide something of Module's own."""
    if hasattr(Module, name):
        hint = "choose another name for the attribute"
        raise ModuleError(f"{name} is a part of every Module already", hint=hint)


def _same_kind(before: Tensor, value: Tensor) -> bool:
    return before.shape == value.shape and before.dtype is value.dtype


def _say_where(error: Exception) -> None:
    """Add to an error in which layer it arose, unless an inner layer did so."""
    path = mode.module_path()
    if isinstance(error, RushlightError):
        error.module = error.module or path
        error.source = error.source or user_line()
    elif path and not any(note.startswith("in layer ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"in layer {path}")
