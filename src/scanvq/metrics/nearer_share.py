"""How often the nearest training person is nearer than the nearest of equally many held-out people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

DRAWS = 200
LEVEL = 0.95
Similarities = NDArray[np.floating]


def nearer_share(training: Similarities, held_out: Similarities) -> float:
    """The mean chance that m training people drawn at random hold one nearer than all m held-out people.

    For samples that are as new to training as to held-out people it is 1/2: the data-copying test of Meehan,
    Chaudhuri and Dasgupta (AISTATS 2020) at equal numbers. The draw is not made: the chance that none of the
    nearer ones is drawn is hypergeometric.

    Args:
        training: (n, N) similarity of n samples to N training people.
        held_out: (n, m) to m held-out people, m at most N.
    """
    people, drawn = training.shape[1], held_out.shape[1]
    if drawn > people:
        return 1 - nearer_share(held_out, training)
    nearer = (training > held_out.max(axis=1, keepdims=True)).sum(axis=1)
    ties = (training == held_out.max(axis=1, keepdims=True)).sum(axis=1)
    chance = _one_drawn(nearer, people, drawn) + _one_drawn(nearer + ties, people, drawn)
    return float(chance.mean() / 2)


def chance_range(training: Similarities, held_out: Similarities, *, seed: int = 0) -> tuple[float, float]:
    """Where 95 % of `nearer_share` lie if training people are exchanged with held-out ones at random."""
    random = np.random.default_rng(seed)
    together, split = np.concatenate([training, held_out], axis=1), training.shape[1]
    shares = []
    for _ in range(DRAWS):
        order = random.permutation(together.shape[1])
        shares.append(nearer_share(together[:, order[:split]], together[:, order[split:]]))
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _one_drawn(marked: NDArray[np.integer], people: int, drawn: int) -> NDArray[np.float64]:
    """The chance that `drawn` of `people` hold at least one of the `marked` ones."""
    log_none = (
        special.gammaln(people - marked + 1)
        - special.gammaln(np.maximum(people - marked - drawn, 0) + 1)
        - special.gammaln(people + 1)
        + special.gammaln(people - drawn + 1)
    )
    none = np.where(people - marked >= drawn, np.exp(log_none), 0.0)
    chance: NDArray[np.float64] = 1 - none
    return chance
