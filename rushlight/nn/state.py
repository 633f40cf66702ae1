"""Giving named tensors the values of a saved state: all of them, or none."""

from collections.abc import Mapping, Sequence

from rushlight.core.errors import DTypeError, ModuleError, ShapeError, UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor

State = Mapping[str, Tensor | Array]


def load_state(own: Mapping[str, Tensor], state: State, owner: str, strict: bool = True) -> None:
    """Copy the values in `state` into the tensors of the same names; `owner` is for errors.

    Nothing changes if anything is wrong.

    Raises:
        UsageError: `state` is no mapping.
        ModuleError: for missing or unexpected names, if `strict`; all of them are listed.
        ShapeError, DTypeError: for a value that does not fit its tensor.
    """
    if not isinstance(state, Mapping):
        fact = f"a state is a dict of tensors by name, not {type(state).__name__}"
        raise UsageError(fact, hint="state_dict() of such a module gives one")
    missing = [name for name in own if name not in state]
    unexpected = [str(name) for name in state if name not in own]
    if strict and (missing or unexpected):
        facts = [f"missing: {', '.join(missing)}"] if missing else []
        facts += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
        fact = f"the state does not fit {owner}; " + "; ".join(facts)
        raise ModuleError(fact, hint=_prefix_hint(missing, unexpected))
    values = {name: _fitting(name, own[name], state[name]) for name in own if name in state}
    with no_grad():
        for name, value in values.items():
            own[name].assign(value)


def copied(x: Tensor) -> Tensor:
    """Return a tensor of the same values in memory of its own, without history."""
    return Tensor.wrap(
        mode.evaluator.read(x, "a copy").copy("K"), x.dtype if x.dtype.is_half else None
    )


def _fitting(name: str, own: Tensor, given: Tensor | Array) -> Tensor:
    value = copied(given) if isinstance(given, Tensor) else Tensor(given)
    if value.shape != own.shape:
        raise ShapeError(f"{name} has shape {own.shape}, the state has {value.shape}")
    if value.dtype is not own.dtype:
        hint = f'cast it first: state["{name}"].cast("{own.dtype}")'
        raise DTypeError(f"{name} is {own.dtype}, the state has {value.dtype}", hint=hint)
    return value


def _prefix_hint(missing: Sequence[str], unexpected: Sequence[str]) -> str | None:
    """Return a hint if the names differ only in that one side's begin with something more."""
    if not missing or len(missing) != len(unexpected):
        return None
    short, long = sorted((missing, unexpected), key=lambda names: len(names[0]))
    prefix = long[0].removesuffix(short[0])
    if {prefix + name for name in short} != set(long):
        return None
    side = "the state" if long is unexpected else "the module"
    return f'only in {side} the names begin with "{prefix}"'
