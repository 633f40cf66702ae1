"""The error function of arrays, which NumPy does not have.

The rational approximations are those of W. J. Cody, "Rational Chebyshev approximations for the
error function", Mathematics of Computation 23 (1969), pages 631-637: within a few units of the last
place of a double. For erf of float32, which GELU needs, there are polynomials of our own, the same
as in the C: within 1.3 units. What else is float32 is computed as doubles.
"""

from typing import Any

import numpy as np

NEAR = 0.46875  # below, erf is approximated; above, erfc
FAR = 4.0  # above, erfc is approximated in 1 / x^2
MOST = 28.0  # where erfc is 0 in float64
BLOCK = 16384  # elements at a time, that what lies between is near

# Numerator and denominator, highest power first: of erf(x) / x in x^2, of exp(x^2) erfc(x) in x,
# and of (1 / sqrt(pi) - x exp(x^2) erfc(x)) x^2 in 1 / x^2.
_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    ),
)
_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
_TAIL = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)


# For float32, of erf(x) / x - 1 in x^2 below 0.9, of log(1 - erf(x)) from there on to 4.
_NEAR_32 = (
    -0.0006053446,
    0.005004346,
    -0.026773399,
    0.11281978,
    -0.37612507,
    0.12837915,
)
_FAR_32 = (
    -2.0826325e-05,
    0.00043134968,
    -0.004156053,
    0.025080204,
    -0.108219944,
    -0.6334011,
    -1.1294883,
    0.00016920433,
)


def erf(x: Any) -> Any:
    """Return the error function of each element, 2 / sqrt(pi) times the integral of exp(-t^2).

    >>> erf(np.array([-np.inf, 0.0, 0.5], np.float32))
    array([-1.       ,  0.       ,  0.5204999], dtype=float32)
    """
    return _in_blocks(x, _erf_32 if x.dtype == np.float32 else _erf)


def erfc(x: Any) -> Any:
    """Return 1 - erf(x) of each element, with all digits where it is small.

    >>> erfc(np.array([0.0, 5.0]))
    array([1.00000000e+00, 1.53745979e-12])
    """
    return _in_blocks(x, _erfc)


def _in_blocks(x: Any, function: Any) -> Any:
    """Return a function of the elements, worked out some at a time."""
    flat = np.asarray(x).reshape(-1)
    out = np.empty_like(flat)
    with np.errstate(all="ignore"):
        for first in range(0, flat.size, BLOCK):
            out[first : first + BLOCK] = function(flat[first : first + BLOCK])
    return out.reshape(x.shape)


def _erf_32(x: Any) -> Any:
    size = np.abs(x)
    near = x * _polynomial(x * x, _NEAR_32) + x
    far = np.copysign(np.expm1(_polynomial(np.minimum(size, 4.0), _FAR_32)), x)
    return np.where(size < 0.9, near, far)


def _erf(x: Any) -> Any:
    return _in_parts(x, _erf_near, lambda x: np.copysign(1.0 - _erfc_far(np.abs(x)), x))


def _erfc(x: Any) -> Any:
    return _in_parts(x, lambda x: 1.0 - _erf_near(x), _erfc_of_either_sign)


def _in_parts(x: Any, near: Any, far: Any) -> Any:
    """Return one function of the elements near 0, and another of the others."""
    wide = x.astype(np.float64)
    is_near = np.abs(wide) <= NEAR
    out = np.empty_like(wide)
    out[is_near] = near(wide[is_near])
    out[~is_near] = far(wide[~is_near])
    return out


def _erf_near(x: Any) -> Any:
    return x * _ratio(x * x, _NEAR)


def _erfc_of_either_sign(x: Any) -> Any:
    far = _erfc_far(np.abs(x))
    return np.where(x < 0.0, 2.0 - far, far)


def _erfc_far(size: Any) -> Any:
    """Return erfc of numbers from NEAR on; exp(-x^2) of x in two parts, of one the exact square."""
    size = np.minimum(size, MOST)
    scaled = _ratio(size, _MIDDLE)
    tail = size > FAR
    if np.any(tail):
        x = size[tail]
        s = 1.0 / (x * x)
        scaled[tail] = (1.0 / np.sqrt(np.pi) - s * _ratio(s, _TAIL)) / x
    high = np.trunc(size * 16.0) / 16.0
    return scaled * np.exp(-high * high) * np.exp((high - size) * (high + size))


def _ratio(x: Any, coefficients: Any) -> Any:
    above, below = (_polynomial(x, part) for part in coefficients)
    return above / below


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total
