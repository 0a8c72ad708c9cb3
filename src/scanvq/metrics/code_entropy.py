"""The cost of codes that are coded independently of each other."""

from __future__ import annotations

from torch import Tensor


def independent_bits(codes: Tensor, training_counts: Tensor) -> Tensor:
    """Bits of the codes of each image under the frequencies of training codes: a cross-entropy.

    The frequency of a code is (count + 1/2) / (all + K/2) (Krichevsky and Trofimov, "The performance of
    universal encoding", IEEE Trans. Inf. Theory 1981), so a code that training lacks costs much, but not
    infinitely much. An entropy of the codes that it was counted on is too small (Miller 1955: by about
    (K - 1) / (2 n ln 2) bits a code); these frequencies come from other images, so no correction is due.

    Args:
        codes: (n, h, w) of one level, 0 to K - 1.
        training_counts: (K,), how often each code occurs in training images.

    Returns:
        (n,) float64.

    Raises:
        ValueError: a code outside 0..K-1.
    """
    size = len(training_counts)
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size:
        low, high = int(codes.min()), int(codes.max())
        raise ValueError(f"codes run from {low} to {high}; a codebook of {size} has 0 to {size - 1}")
    counts = training_counts.double() + 0.5
    cost = counts.sum().log2() - counts.log2()
    return cost[codes.long()].flatten(1).sum(dim=1)
