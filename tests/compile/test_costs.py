"""What a graph costs, layer by layer."""

import pytest

import rushlight as rl
from rushlight.compile.costs import costs_of


def costs(net, *shape):
    with rl.no_grad():
        return costs_of(rl.trace(net.eval(), rl.zeros(*shape)))


def test_convolutions_and_products_are_counted_by_layer():
    net = rl.nn.Sequential(
        rl.nn.Sequential(rl.nn.Conv2d(3, 8, 5, padding=2), rl.nn.ReLU(), rl.nn.MaxPool2d(2)),
        rl.nn.Flatten(),
        rl.nn.Linear(8 * 7 * 7, 10),
    )
    found = costs(net, 1, 3, 14, 14)
    assert found.multiply_adds == {"0.0": 14 * 14 * 8 * 3 * 25, "2": 392 * 10}
    assert found.of_layer("0") == 14 * 14 * 8 * 3 * 25
    assert found.of_layer("1") == 0
    assert found.of_layer("") == 14 * 14 * 8 * 3 * 25 + 3920


def test_layers_whose_names_begin_alike_are_told_apart():
    net = rl.nn.Sequential(*[rl.nn.Linear(2, 2) for _ in range(12)])
    assert costs(net, 1, 2).of_layer("1") == 4


def test_products_outside_of_layers_count_for_the_whole():
    class Twice(rl.nn.Module):
        def forward(self, x):
            return x @ x

    assert costs(Twice(), 3, 3).of_layer("") == 27


@pytest.mark.parametrize("rows", [1, 10])
def test_costs_grow_with_the_batch(rows):
    found = costs(rl.nn.Sequential(rl.nn.Linear(64, 64), rl.nn.Linear(64, 64)), rows, 64)
    assert found.of_layer("") == rows * 2 * 64 * 64
    assert found.arena >= rows * 64 * 4


def test_a_loop_counts_with_all_its_turns_and_a_choice_with_its_dearer_branch():
    class Turns(rl.nn.Module):
        def __init__(self):
            self.cell, self.wide = rl.nn.Linear(4, 4), rl.nn.Linear(4, 40)

        def forward(self, xs):
            def turn(h, x):
                wide = rl.cond(x[0] > 0.0, lambda: self.wide(h).max(), lambda: (h @ h).sum())
                return self.cell(h) * wide, rl.while_loop(
                    lambda s: s @ s < 9.0, lambda s: s * 2.0, h
                )

            return rl.scan(turn, rl.zeros(4), xs)

    found = costs(Turns(), 5, 4)
    assert found.multiply_adds == {"cell": 5 * 16, "wide": 5 * 160, "": 5 * 4}
    assert found.kernels > 0
