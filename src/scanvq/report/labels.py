"""Labels and descriptions of the numbers of a training history on the page."""

from __future__ import annotations

import re

_LABELS = {
    "loss": ("total loss", "The training objective; a rising validation loss is overfitting."),
    "reconstruction": ("reconstruction loss", "Error of the reconstructions; lower is better."),
    "mse": ("mean squared error", "Squared error of the pixels; lower is better."),
    "mse_over_variance": ("MSE / variance", "Squared error for images of variance 1; lower is better."),
    "l1": ("mean absolute error", "Absolute error of the pixels, for a range of 1; lower is better."),
    "bce": ("binary cross-entropy", "Cross-entropy of the pixels; its minimum is not zero."),
    "ssim": ("SSIM", "Structural similarity to the original: 1 is equal; higher is better."),
    "commitment": ("commitment loss", "Distance of the encoder's features from their code vectors."),
    "codebook": ("codebook loss", "Distance of the code vectors from their encoder features."),
    "perplexity": ("perplexity", "Effective number of codes in use; higher is better."),
    "top": ("top-level loss", "Error of the images decoded from the coarsest codes only; lower is better."),
    "codes_used": ("codes used", "Number of different codes that occur; higher is better."),
    "codes_dead": ("dead codes", "Codes never chosen in training since the last validation."),
    "worth": ("level worth", "SSIM lost with another image's codes of this level; near 0 it has collapsed."),
    "bits_per_code": ("bits per code", "Negative log-likelihood of a code under the prior; lower is better."),
    "bits_per_masked_code": ("bits per masked code", "Cross-entropy of a masked code; lower is better."),
    "generator_loss": ("generator loss", "Should neither vanish nor diverge from the discriminator's."),
    "discriminator_real": ("discriminator, real maps", "Share classified as real; near 0.5 is chance."),
    "discriminator_fake": (
        "discriminator, generated maps",
        "Share classified as generated; near 0.5 is chance.",
    ),
    "l1_coarse": ("error of 4x4 means", "Absolute error of means over 4x4 pixels; lower is better."),
    "spectrum": ("spectrum error", "Difference of the mean log power from that of scans; lower is better."),
    "discriminator_loss": ("discriminator loss", "Near zero the generator gets little gradient."),
}  # fmt: skip


def label_of(name: str) -> str:
    """The label of a number, with its level."""
    base, level = _parts(name)
    return f"{_LABELS.get(base, (base.replace('_', ' '), ''))[0]}{level}"


def description_of(name: str) -> str:
    """One sentence about a number; "" for an unknown number."""
    return _LABELS.get(_parts(name)[0], ("", ""))[1]


def _parts(name: str) -> tuple[str, str]:
    """perplexity_1 is the perplexity of level 1."""
    match = re.fullmatch(r"(.+)_(\d+)", name)
    return (
        (match.group(1), f", level {match.group(2)}") if match and match.group(1) in _LABELS else (name, "")
    )
