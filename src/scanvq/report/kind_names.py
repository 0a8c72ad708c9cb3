"""Names of the kinds of tokenizers and priors in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "vqvae": "VQ-VAE",
    "vqvae2": "VQ-VAE-2",
    "pixelcnn": "PixelCNN",
    "gated_pixelcnn": "gated PixelCNN",
    "transformer": "transformer",
    "maskgit": "masked transformer (MaskGIT)",
    "latent_gan": "latent GAN",
}


def kind_name(kind: str) -> str:
    """The name of a kind, or of several joined by "+"; one that is not in the table is called by its key."""
    return " and ".join(_NAMES.get(one, one.replace("_", " ")) for one in kind.split("+"))


def prior_kind(spec: Mapping[str, Any]) -> str:
    """The kind of a prior's spec; the different kinds of the levels of a hierarchy, joined by "+"."""
    levels = spec["levels"] if spec["kind"] == "hierarchical" else [spec]
    return "+".join(dict.fromkeys(str(level["kind"]) for level in levels))
