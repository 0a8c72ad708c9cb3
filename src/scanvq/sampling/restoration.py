"""Restoration: the codes that a prior finds improbable are sampled again, cell by cell."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from scanvq.kernels.thread_count import limited_threads
from scanvq.sampling.filters import choose
from scanvq.types import SamplingParams, Stepper


@torch.inference_mode()
def restore_improbable(
    stepper: Stepper,
    codes: Tensor,
    *,
    above: float,
    params: SamplingParams,
    uniform: Tensor,
) -> Tensor:
    """Samples each code of more than `above` bits again, given the restored codes before it.

    Marimont and Tarroni, "Anomaly detection through latent space restoration using VQ-VAE", ISBI 2021
    (arXiv 2012.06765), section 2.3.

    Args:
        stepper: of the prior, for grids of this shape, at its first cell.
        codes: (B, h, w), all known.
        above: codes with -log2 p(code | restored codes before it) above this are sampled.
        params: of the samples.
        uniform: (B, h, w) float64 in [0, 1), a random number for each cell, see `uniform_table`.

    Returns:
        Codes (B, h, w); those of at most `above` bits are unchanged.
    """
    uniform = uniform.flatten(1)
    restored = codes.flatten(1).clone()
    with limited_threads(codes), torch.autocast(codes.device.type, enabled=False):
        for cell in stepper.cells:
            logits, given = stepper.logits(cell), restored[:, cell]
            improbable = F.cross_entropy(logits.float(), given, reduction="none") > above * math.log(2)
            if bool(improbable.any()):
                given = torch.where(improbable, choose(logits, params, uniform[:, cell]), given)
                restored[:, cell] = given
            stepper.set(cell, given)
    return restored.view_as(codes)
