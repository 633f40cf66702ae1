"""The quantiles of the normal distribution, beside those of Python's own."""

from statistics import NormalDist

import numpy as np

from rushlight.nn.quantile import normal_quantile


def test_quantiles_are_python_s_to_sixteen_digits():
    middle = np.random.default_rng(0).uniform(size=1000)
    far = 10.0 ** -np.arange(1.0, 300.0, 7.0)
    p = np.concatenate([middle, far, 1.0 - far[:2], [0.5, 0.075, 0.925]])
    wanted = [NormalDist().inv_cdf(x) for x in p]
    np.testing.assert_allclose(normal_quantile(p), wanted, rtol=1e-15)


def test_the_ends_are_infinite():
    assert normal_quantile(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]
