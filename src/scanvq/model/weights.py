"""Loading of tokenizers, priors and decoders from weights files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from scanvq.build import TABLES, make_decoder, make_prior, make_tokenizer
from scanvq.decoders.image_decoder import ImageDecoder
from scanvq.model.headers import DecoderHeader, PriorHeader, TokenizerHeader
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.spec import SpecError, complete_part, derived_names
from scanvq.storage.weights import WeightsError, read_weights
from scanvq.types import CodePrior, Tokenizer


def load_tokenizer(path: Path) -> tuple[Tokenizer, TokenizerHeader]:
    """Loads a tokenizer in evaluation mode, and its header. Raises WeightsError."""
    weights = read_weights(path, TokenizerHeader)
    return tokenizer_of(weights.header, weights.tensors, path), weights.header


def load_prior(path: Path, *, tokenizer_id: str) -> tuple[HierarchicalPrior, PriorHeader]:
    """Loads a prior in evaluation mode, and its header.

    Raises:
        WeightsError: no such file, a damaged file, or a prior of another tokenizer.
    """
    weights = read_weights(path, PriorHeader)
    if weights.header.tokenizer != tokenizer_id:
        raise WeightsError(
            f"{path} was trained on the codes of tokenizer {weights.header.tokenizer}, not of "
            f"{tokenizer_id}; train a prior on this tokenizer"
        )
    return prior_of(weights.header, weights.tensors, path), weights.header


def load_decoder(
    path: Path, *, tokenizer: Tokenizer, tokenizer_id: str
) -> tuple[ImageDecoder, DecoderHeader]:
    """Loads a decoder of created images in evaluation mode, and its header.

    Raises:
        WeightsError: no such file, a damaged file, or a decoder of another tokenizer.
    """
    weights = read_weights(path, DecoderHeader)
    if weights.header.tokenizer != tokenizer_id:
        raise WeightsError(
            f"{path} was trained on images of tokenizer {weights.header.tokenizer}, not of {tokenizer_id}; "
            "train a decoder on this tokenizer"
        )
    return decoder_of(weights.header, weights.tensors, path, tokenizer=tokenizer), weights.header


def tokenizer_of(header: TokenizerHeader, tensors: Mapping[str, Tensor], path: Path) -> Tokenizer:
    """Builds the tokenizer of a header; `path` is for messages."""
    with _checked(Tokenizer, [header.spec], path, "tokenizer"):
        tokenizer = make_tokenizer(header.spec)
    _load(tokenizer, tensors, path, "tokenizer")
    return tokenizer.eval()


def prior_of(header: PriorHeader, tensors: Mapping[str, Tensor], path: Path) -> HierarchicalPrior:
    """Builds the prior of a header; `path` is for messages."""
    levels = header.spec.get("levels") if header.spec.get("kind") == "hierarchical" else [header.spec]
    with _checked(CodePrior, levels, path, "prior"):
        prior = make_prior(
            header.spec,
            codebook_sizes=header.codebook_sizes,
            code_shapes=header.code_shapes,
            code_dims=header.code_dims,
            conditions=header.conditions,
            global_code=header.global_code.model_dump(),
        )
    _load(prior, tensors, path, "prior")
    return prior.eval()


def decoder_of(
    header: DecoderHeader, tensors: Mapping[str, Tensor], path: Path, *, tokenizer: Tokenizer
) -> ImageDecoder:
    """Builds the decoder of a header, for the codes of `tokenizer`; `path` is for messages."""
    with _checked(ImageDecoder, [header.spec], path, "decoder"):
        decoder = make_decoder(header.spec, tokenizer=tokenizer)
    _load(decoder, tensors, path, "decoder")
    return decoder.eval()


@contextmanager
def _checked(role: type, specs: Any, path: Path, name: str) -> Iterator[None]:
    """Checks the specs of a header, from which the block builds a part of `role`.

    Raises:
        WeightsError: a setting of another type, or settings that no part can be built from.
    """
    try:
        if not isinstance(specs, list):
            raise SpecError(f"{name}.levels is {specs!r}; it must be a list of tables, each with a kind.")
        for spec in specs:
            complete_part(role, _without_derived(role, spec, name), where=name, tables=TABLES)
        yield
    except (ValueError, RuntimeError) as error:  # RuntimeError: more memory than there is
        message = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} is damaged, or of another version: {message}") from None


def _without_derived(role: type, spec: Any, where: str) -> Any:
    """The settings of a spec that a recipe may have; the others must be numbers."""
    kind = spec.get("kind") if isinstance(spec, Mapping) else None
    if not isinstance(kind, str) or kind not in TABLES[role]:
        return spec
    derived = derived_names(TABLES[role][kind])
    for name in derived:
        value = spec.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise SpecError(f"{where}.{name} is {value!r}; it must be a number.")
    return {name: value for name, value in spec.items() if name not in derived}


def _load(
    part: Tokenizer | HierarchicalPrior | ImageDecoder, tensors: Mapping[str, Tensor], path: Path, role: str
) -> None:
    try:
        part.load_state_dict(dict(tensors))
    except RuntimeError as error:
        message = " ".join(str(error).split())[:300]
        raise WeightsError(f"the {role} in {path} does not fit its header: {message}") from None
