"""Loops and choices go through a file: modules of a user's own classes that have some."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn.module import Module, Parameter
from rushlight.testing.compare import assert_close


def saved(path: Path, model: Module, example: Any) -> Module:
    rl.save(path / "m.safetensors", model, example=example)
    return rl.load(path / "m.safetensors").model


class Turns(Module):
    """A recurrent module of no registered class, with a choice in each turn."""

    def __init__(self) -> None:
        self.cell = rl.nn.Linear(5, 5)
        self.other = rl.nn.Linear(5, 5)
        self.scale = Parameter([2.0])

    def forward(self, xs: rl.Tensor) -> Any:
        def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
            h = rl.where(h > float("inf"), 1.0, (self.cell(h) + x).tanh())
            h = rl.cond(self.scale[0] > 1.0, lambda h: self.other(h) * self.scale, lambda h: h, h)
            return h, h.cast("bfloat16")

        return rl.scan(turn, rl.zeros(xs.shape[0], 5), xs.transpose(0, 1), reverse=True)


def sequences(count: int, length: int = 4) -> rl.Tensor:
    random = np.random.default_rng(count)
    return rl.tensor(random.standard_normal((count, length, 5)).astype(np.float32))


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_loop_goes_through_a_file_for_any_batch_with_its_gradients(
    tmp_path: Path, count: int
) -> None:
    model = Turns()
    loaded = saved(tmp_path, model, sequences(3))
    found = []
    for one in (model, loaded):
        for x in one.parameters():
            x.requires_grad = True
        state, rows = one(sequences(count))
        state.sum().backward()
        grads = {name: x.grad for name, x in one.named_parameters()}
        found.append([state, rows, *(grads[name] for name in sorted(grads))])
    for wanted, got in zip(*found, strict=True):
        assert_close(got, wanted)


def test_a_loaded_loop_compiles_and_is_saved_again(tmp_path: Path) -> None:
    loaded = saved(tmp_path, Turns(), sequences(3))
    compiled = rl.compile(saved(tmp_path, loaded, None))
    for got, wanted in zip(compiled(sequences(2)), loaded(sequences(2)), strict=True):
        assert_close(got, wanted)
    assert compiled.fallbacks == []


def test_a_loop_that_may_never_end_is_no_part_of_a_file(tmp_path: Path) -> None:
    class Doubling(Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return rl.while_loop(lambda s: s.sum() < 9.0, lambda s: s * 2.0, x)

    with pytest.raises(rl.ModuleError, match="has a while_loop, which no file can hold") as caught:
        rl.save(tmp_path / "m.safetensors", Doubling(), example=rl.ones(3))
    assert "rl.scan" in str(caught.value.hint)
