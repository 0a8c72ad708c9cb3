"""A model in words: its parts, images, codes, conditions and sampling defaults."""

from __future__ import annotations

from dataclasses import asdict

from torch import nn

from scanvq.model.source import ModelSource, shipped_models
from scanvq.recipe.description import parameters_by_part


def summarize_model(source: ModelSource) -> str:
    """One line: kinds of the parts, image size, plane."""
    geometry, sections = source.header.preparation.geometry, source.recipe.sections
    prior = str(sections["prior"]["kind"]) if source.has_prior else "no prior"
    plane = source.header.plane
    return f"{sections['tokenizer']['kind']}, {prior}, {plane} slices of {geometry.height}x{geometry.width}"


def describe_model(source: ModelSource) -> list[str]:
    """Lines of name and value."""
    header, sections = source.header, source.recipe.sections
    geometry = header.preparation.geometry
    spacing = "" if geometry.spacing is None else f", {geometry.spacing:g} mm a pixel"
    grids = ", ".join(
        f"{h}x{w} of {size}"
        for (h, w), size in zip(header.code_shapes, source.tokenizer.codebook_sizes, strict=True)
    )
    lines = [
        f"recipe      {source.recipe.about['name']}: {source.recipe.about.get('summary', '')}",
        f"images      {header.plane} slices of {geometry.height}x{geometry.width}{spacing} ({geometry.fit})",
        f"tokenizer   {sections['tokenizer']['kind']}, id {header.id}, {_parameters(source.tokenizer)}",
        f"codes       {grids}",
    ]
    if source.has_prior:
        prior, prior_header = source.load_prior()
        lines += [
            f"prior       {sections['prior']['kind']}, id {prior_header.id}, {_parameters(prior)}",
            f"conditions  {prior_header.conditions if prior_header.conditions.names else 'none'}",
        ]
    else:
        lines.append("prior       none: reconstruct, encode and decode only")
    if source.has_decoder:
        lines.append("decoder     natural, for created images")
    calibration = source.calibration
    lines.append(
        f"calibration {'none' if calibration is None else f'{calibration.split} people, for `score`'}"
    )
    defaults = ", ".join(f"{name} {value:g}" for name, value in asdict(source.recipe.sampling).items())
    return [*lines, f"sampling    {defaults}"]


def card_of(name: str) -> str:
    """The card of a shipped model: data, license, scores, audit, limits; "" for other models."""
    file = shipped_models().get(name)
    card = None if file is None else file.with_suffix(".md")
    return card.read_text(encoding="utf-8") if card is not None and card.is_file() else ""


def _parameters(part: nn.Module) -> str:
    return f"{sum(parameters_by_part(part).values()):,} parameters"
