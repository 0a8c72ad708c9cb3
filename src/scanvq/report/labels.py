"""What the numbers of a training are called on the page, and what to look at in each."""

from __future__ import annotations

import re

_WORDS = {
    "loss": ("total loss", "What training makes smaller; validation that rises meanwhile is overfitting."),
    "reconstruction": ("reconstruction loss", "From rebuilt images to originals; lower is better."),
    "mse": ("mean squared error", "The pixels' squared error; lower is better."),
    "mse_over_variance": ("MSE / variance", "Squared error, the images' variance being 1; lower is better."),
    "l1": ("mean absolute error", "How far a pixel is off, of a range of 1; lower is better."),
    "bce": ("binary cross-entropy", "The pixels' error as cross-entropy; its lowest value is not zero."),
    "ssim": ("SSIM", "Likeness of structure to the original: 1 is equal; higher is better."),
    "commitment": ("commitment loss", "How far the encoder's features stay from their codes' vectors."),
    "codebook": ("codebook loss", "How far the codes' vectors are from the features they stand for."),
    "perplexity": ("perplexity", "How many codes do the work: higher means more of the codebook is in use."),
    "top": ("top level alone", "Error of the images that the coarsest codes give alone; lower is better."),
    "codes_used": ("codes used", "How many different codes occur at all; higher is better."),
    "codes_dead": ("codes dead", "Codes that training never chose since the last validation."),
    "worth": ("worth", "SSIM that is lost with this level's codes of another image; near 0 it says nothing."),
    "bits_per_code": ("bits per code", "What a code costs under the prior; lower is a better guess."),
    "bits_per_masked_code": ("bits per masked code", "What a hidden code costs; lower is a better guess."),
    "generator_loss": ("generator loss", "It should neither vanish nor run away from the critic's."),
    "critic_real": ("real maps the critic knows", "The share it takes for real; near a half it is guessing."),
    "critic_fake": ("made maps the critic knows", "The share it sees through; near a half it is guessing."),
    "critic_loss": ("critic loss", "Near zero the critic sees through all, and the generator learns little."),
}  # fmt: skip


def label_of(name: str) -> str:
    """A number's name for its axis."""
    base, level = _parts(name)
    return f"{_WORDS.get(base, (base.replace('_', ' '), ''))[0]}{level}"


def look_at(name: str) -> str:
    """One sentence on what to look at; "" for a number that is not known here."""
    return _WORDS.get(_parts(name)[0], ("", ""))[1]


def _parts(name: str) -> tuple[str, str]:
    """perplexity_1 is perplexity, of level 1."""
    match = re.fullmatch(r"(.+)_(\d+)", name)
    return (match.group(1), f", level {match.group(2)}") if match and match.group(1) in _WORDS else (name, "")
