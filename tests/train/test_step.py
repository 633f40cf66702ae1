import numpy as np

import rushlight as rl
from rushlight.train.step import make_step

cross_entropy = rl.nn.functional.cross_entropy


def cosine(optimizer):
    return rl.optim.CosineLR(optimizer, steps=20)


def run(problem, compiled):
    step = make_step(
        problem.model, cross_entropy, problem.optimizer, problem.schedule, clip_norm=0.5
    )
    if compiled:
        step = rl.compile(step)
    losses, scores = [], []
    for _ in range(3):
        for x, labels in problem.loader:
            loss, output = step(x, labels)
            losses.append(loss.item())
            scores.append(output.numpy())
    return losses, np.concatenate(scores)


def test_a_compiled_step_is_the_step(make_problem, same_state):
    eager = make_problem(schedule=cosine)
    wanted_losses, wanted_scores = run(eager, compiled=False)
    wanted_state = eager.state()
    compiled = make_problem(schedule=cosine)
    losses, scores = run(compiled, compiled=True)
    np.testing.assert_array_equal(losses, wanted_losses)
    np.testing.assert_array_equal(scores, wanted_scores)
    same_state(compiled.state(), wanted_state)


def test_gradients_of_the_step_before_are_forgotten():
    model = rl.nn.Linear(1, 1, bias=False)
    step = make_step(model, rl.nn.functional.mse_loss, rl.optim.SGD(model.parameters(), lr=0.0))
    x, labels = rl.ones(1, 1), rl.zeros(1, 1)
    step(x, labels)
    first = model.weight.grad.numpy().copy()
    step(x, labels)
    np.testing.assert_array_equal(model.weight.grad.numpy(), first)
    assert first.item() != 0.0
