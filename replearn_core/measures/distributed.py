"""How many inputs a distributed code can tell apart: regions cut by hyperplanes. Called by the lesson on distributed codes."""

from __future__ import annotations

from math import comb

from replearn_core.measures.checks import whole


def regions_of_hyperplanes(n: int, d: int) -> int:
    """Regions into which n hyperplanes in general position cut d dimensions: Σ_{i=0}^{min(d,n)} C(n, i), exactly.

    n binary features tell so many inputs apart, n prototypes only n. Source: Zaslavsky (1975); Goodfellow et al., Deep
    Learning, 15.4. ValueError: not whole numbers, negative, or above 10,000.
    """
    n, d = whole("n", n, 0, 10_000), whole("d", d, 0, 10_000)
    return 2**n if d >= n else sum(comb(n, i) for i in range(d + 1))
