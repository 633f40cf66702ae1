"""A whole training step is one graph, and the graph through the interpreter is the eager step."""

import numpy as np

import rushlight as rl
from rushlight.random import default_generator


def make_training():
    rl.manual_seed(7)
    model = rl.nn.Sequential(
        rl.nn.Linear(6, 16),
        rl.nn.BatchNorm(16),
        rl.nn.ReLU(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(16, 4),
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)
    schedule = rl.optim.CosineLR(optimizer, steps=20, low=0.001)

    def step(x, labels):
        optimizer.zero_grad()
        loss = rl.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        norm = rl.optim.clip_grad_norm(model.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        return loss, norm

    state = {
        **model.state_dict(),
        **{f"optimizer.{name}": t for name, t in optimizer.state_dict().items()},
        "schedule": schedule.count,
        "random": default_generator.state,
    }
    return step, state, model


def run(step, state, steps=20):
    random = np.random.default_rng(0)
    results = []
    for _ in range(steps):
        x = rl.tensor(random.normal(size=(8, 6)).astype(np.float32))
        labels = rl.tensor(random.integers(0, 4, 8))
        results.append([one.item() for one in step(x, labels)])
    return results, {name: tensor.numpy().copy() for name, tensor in state.items()}


def test_twenty_traced_steps_equal_twenty_eager_steps_bit_for_bit():
    step, state, model = make_training()
    eager_results, eager_state = run(step, state)
    eager_grads = [p.grad.numpy().copy() for p in model.parameters()]

    step, state, model = make_training()
    compiled = rl.compile(step, native=False)
    traced_results, traced_state = run(compiled, state)

    np.testing.assert_array_equal(traced_results, eager_results)
    for name, values in eager_state.items():
        np.testing.assert_array_equal(traced_state[name], values, err_msg=name)
    for parameter, grad in zip(model.parameters(), eager_grads, strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), grad)
    assert len(compiled.graphs) == 1


def test_the_whole_step_is_one_graph_with_all_its_state():
    step, state, _ = make_training()
    graph = rl.trace(step, rl.zeros(8, 6), rl.zeros(8, dtype="int64"))
    captured = {id(tensor) for tensor, _ in graph.states}
    updated = {id(tensor) for tensor, _ in graph.updates}
    assert captured == {id(tensor) for tensor in state.values()}
    assert updated == captured
    assert "random_bits" in str(graph)


def test_tracing_changes_nothing():
    step, state, model = make_training()
    before = {name: tensor.numpy().copy() for name, tensor in state.items()}
    rl.trace(step, rl.zeros(8, 6), rl.zeros(8, dtype="int64"))
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensor.numpy(), before[name], err_msg=name)
    assert [p.grad for p in model.parameters()] == [None] * 6
