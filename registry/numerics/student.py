"""The tail of Student's t distribution, without SciPy, whose import takes longer than a comparison.

Sources: NIST Digital Library of Mathematical Functions, 8.17 (the incomplete beta function); its
continued fraction by Lentz's method, W. H. Press et al., Numerical Recipes (3rd ed., 2007), 6.4.
"""

import math

TINY = 1e-300  # instead of a zero that would be divided by
PRECISION = 1e-15  # of the continued fraction
MOST_TERMS = 10_000


def t_tail(z: float, freedom: float) -> float:
    """Return how often a t of so many degrees of freedom, any positive number, is z or more.

    To a relative error of 1e-9, however small, as scipy.stats.t.sf is.
    """
    square = z * z / freedom
    x = 1 / (1 + square)
    both = incomplete_beta(freedom / 2, 0.5, x, -math.log1p(square))
    return both / 2 if z >= 0 else 1 - both / 2


def incomplete_beta(a: float, b: float, x: float, log_x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    Args:
        a, b: Positive.
        x: Between 0 and 1.
        log_x: Its logarithm, exact where x is next to 1.
    """
    rest = -math.expm1(log_x)  # 1 - x
    if rest <= 0:
        return 1.0
    if x <= 0:
        return 0.0
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * log_x + b * math.log(rest) - log_beta)
    if x < (a + 1) / (a + b + 2):
        return front * continued_fraction(a, b, x) / a
    return 1 - front * continued_fraction(b, a, rest) / b


def continued_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of I_x(a, b), which converges fast for x < (a+1) / (a+b+2)."""
    numerator = 1.0
    denominator = 1 / away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = denominator
    for term in range(1, MOST_TERMS):
        twice = a + 2 * term
        even = term * (b - term) * x / ((twice - 1) * twice)
        odd = -(a + term) * (a + b + term) * x / (twice * (twice + 1))
        for coefficient in (even, odd):
            denominator = 1 / away_from_zero(1 + coefficient * denominator)
            numerator = away_from_zero(1 + coefficient / numerator)
            fraction *= denominator * numerator
        if abs(denominator * numerator - 1) < PRECISION:
            break
    return fraction


def away_from_zero(value: float) -> float:
    """Return a value, or TINY for zero."""
    return value if abs(value) > TINY else TINY
