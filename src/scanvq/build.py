"""Registry of all model parts by kind, and construction of parts from completed specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanvq.conditions.space import ConditionSpace
from scanvq.decoders.image_decoder import ImageDecoder
from scanvq.decoders.natural import NaturalDecoder
from scanvq.objectives.adversarial_codes import AdversarialCodes
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.objectives.natural_images import NaturalImages
from scanvq.objectives.next_code import NextCode
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.global_code import make_global_code
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
from scanvq.priors.maskgit import MaskGIT
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.quantizers.finite_scalar import FiniteScalarQuantizer
from scanvq.quantizers.identity import IdentityQuantizer
from scanvq.quantizers.moving_average import MovingAverageQuantizer
from scanvq.quantizers.nearest import NearestQuantizer
from scanvq.spec import Tables, make_part
from scanvq.tokenizers.vqvae import VQVAE
from scanvq.tokenizers.vqvae2 import VQVAE2
from scanvq.types import CodePrior, Objective, Quantizer, Tokenizer

TABLES: Tables = {
    Quantizer: {
        "finite_scalar": FiniteScalarQuantizer,
        "identity": IdentityQuantizer,
        "moving_average": MovingAverageQuantizer,
        "nearest": NearestQuantizer,
    },
    Tokenizer: {"vqvae": VQVAE, "vqvae2": VQVAE2},
    CodePrior: {
        "gated_pixelcnn": GatedPixelCNN,
        "latent_gan": LatentGAN,
        "maskgit": MaskGIT,
        "pixelcnn": PixelCNN,
        "hierarchical": HierarchicalPrior,
        "transformer": TransformerPrior,
    },
    ImageDecoder: {"natural": NaturalDecoder},
    Objective: {
        "adversarial_codes": AdversarialCodes,
        "masked_codes": MaskedCodes,
        "natural_images": NaturalImages,
        "next_code": NextCode,
        "reconstruct": Reconstruct,
    },
}

NO_GLOBAL_CODE: Mapping[str, int] = {"appearance": 0, "layout": 0}


def make_tokenizer(spec: Mapping[str, Any]) -> Tokenizer:
    """Builds a tokenizer from a completed spec, which includes `input_mean` and `input_std`."""
    tokenizer: Tokenizer = make_part(Tokenizer, spec, tables=TABLES)
    return tokenizer


def make_prior(
    spec: Mapping[str, Any],
    *,
    codebook_sizes: tuple[int, ...],
    code_shapes: tuple[tuple[int, int], ...],
    code_dims: tuple[int, ...] = (),
    conditions: ConditionSpace,
    global_code: Mapping[str, int] = NO_GLOBAL_CODE,
) -> HierarchicalPrior:
    """Builds a hierarchical prior with one prior for each level of codes.

    Args:
        spec: a completed prior, or kind `hierarchical` with a prior for each level.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        code_dims: D of every level; () for priors that use the integer codes only.
        conditions: conditions of the prior without global codes; empty for an unconditional prior.
        global_code: number of values of each global code, 0 = none; `code_dims` is then needed.

    Raises:
        ValueError: the number of priors differs from the number of levels.
    """
    specs = spec["levels"] if spec["kind"] == "hierarchical" else [spec]
    if len(specs) != len(codebook_sizes):
        raise ValueError(
            f"the tokenizer has {len(codebook_sizes)} levels of codes, but prior has {len(specs)}; "
            'use prior.kind = "hierarchical" with one entry in prior.levels for each'
        )
    whole = make_global_code(
        global_code, codebook_sizes=codebook_sizes, code_dims=code_dims, code_shapes=code_shapes
    )
    if whole is not None:
        conditions = ConditionSpace((*conditions.conditions, *whole.conditions))
    levels = []
    for level, level_spec in enumerate(specs):
        derived = {
            "codebook_size": codebook_sizes[level],
            "context_sizes": codebook_sizes[:level],
            "conditions": conditions,
            "height": code_shapes[level][0],
            "width": code_shapes[level][1],
        }
        if code_dims:
            derived["code_dim"] = code_dims[level]
        levels.append(make_part(CodePrior, level_spec, tables=TABLES, **derived))
    return HierarchicalPrior(levels=levels, global_code=whole)


def objective_of_prior(kind: str) -> str:
    """The kind of the objective that trains a kind of prior; "" for several levels or an unknown kind."""
    return getattr(TABLES[CodePrior].get(kind), "objective", "")


def make_decoder(spec: Mapping[str, Any], *, tokenizer: Tokenizer) -> ImageDecoder:
    """Builds a decoder of created images, for the codes of a tokenizer, from a completed spec."""
    decoder: ImageDecoder = make_part(ImageDecoder, spec, tables=TABLES, tokenizer=tokenizer)
    return decoder


def make_objective(spec: Mapping[str, Any], **derived: Any) -> Objective:
    """Builds an objective for the part in training, passed as `tokenizer`, `prior` or `decoder`."""
    objective: Objective = make_part(Objective, spec, tables=TABLES, **derived)
    return objective
