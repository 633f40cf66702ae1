import numpy as np

import rushlight as rl
from rushlight.train.step import make_step

cross_entropy = rl.nn.functional.cross_entropy


def cosine(optimizer):
    return rl.optim.CosineLR(optimizer, steps=20)


def sgd(parameters):
    return rl.optim.SGD(parameters, lr=0.1)


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


def test_a_compiled_step_is_the_step(make_problem, similar_state):
    eager = make_problem(optimizer=sgd, schedule=cosine)
    wanted_losses, wanted_scores = run(eager, compiled=False)
    wanted_state = eager.state()
    compiled = make_problem(optimizer=sgd, schedule=cosine)
    losses, scores = run(compiled, compiled=True)
    np.testing.assert_allclose(losses, wanted_losses, rtol=1e-4)
    np.testing.assert_allclose(scores, wanted_scores, rtol=1e-3, atol=1e-4)
    similar_state(compiled.state(), wanted_state)


def test_gradients_of_the_step_before_are_forgotten():
    model = rl.nn.Linear(1, 1, bias=False)
    model.weight.grad = rl.ones(1, 1)
    step = make_step(model, rl.nn.functional.mse_loss, rl.optim.SGD(model.parameters(), lr=1.0))
    _ = model.weight.assign(rl.zeros(1, 1))
    step(rl.ones(1, 1), rl.zeros(1, 1))
    np.testing.assert_array_equal(model.weight.numpy(), [[0.0]])
    assert model.weight.grad is None
