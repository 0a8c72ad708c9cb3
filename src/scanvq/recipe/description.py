"""Describes a recipe without training it: parameters by part, code grids, bits per pixel."""

from __future__ import annotations

from torch import nn

from scanvq.build import make_prior, make_tokenizer
from scanvq.conditions.space import ConditionSpace
from scanvq.metrics.rate import bits_per_pixel
from scanvq.recipe.recipe import Recipe
from scanvq.spec import SpecError


def describe_recipe(recipe: Recipe, *, size: tuple[int, int] | None = None, classes: int = 0) -> list[str]:
    """Code grids and rate, then the parameters of tokenizer and prior, as lines of text.

    Args:
        recipe: completed.
        size: height and width of the images; None = the recipe's, or those of the data in its `source`.
        classes: number of labels that the prior is conditional on; 0 = none.

    Raises:
        SpecError: no size is given, and the recipe keeps the size of the images.
    """
    height, width = size or _image_size(recipe)
    tokenizer = make_tokenizer(recipe.tokenizer)
    shapes = tokenizer.code_shapes(height, width)
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=shapes,
        code_dims=tokenizer.code_dims,
        conditions=ConditionSpace.of_labels([str(number) for number in range(classes)]),
        global_code=recipe.global_code,
    )
    grids = " and ".join(f"{h}x{w}" for h, w in shapes)
    rate = bits_per_pixel(shapes, tokenizer.codebook_sizes, height, width)
    lines = [f"images of {height}x{width}: codes {grids}, {rate:.4f} bits per pixel"]
    for name, model in (("tokenizer", tokenizer), ("prior", prior)):
        parts = ", ".join(f"{part} {count:,}" for part, count in parameters_by_part(model).items())
        lines.append(f"{name}: {sum(parameters_by_part(model).values()):,} parameters ({parts})")
    return lines


def parameters_by_part(model: nn.Module) -> dict[str, int]:
    """Learned numbers by direct part; a codebook counts, whether learned by gradient or moving average."""
    while len(parts := list(model.children())) == 1:  # a hierarchy of one level is that level
        model = parts[0]
    counts = {}
    for name, part in model.named_children():
        learned = sum(p.numel() for p in part.parameters())
        codebooks = sum(b.numel() for n, b in part.named_buffers() if n.split(".")[-1] == "codebook")
        if learned + codebooks:
            counts[f"level {name}" if name.isdigit() else name] = learned + codebooks
    return counts


def _image_size(recipe: Recipe) -> tuple[int, int]:
    size = recipe.preparation.size
    if size == "native":
        size = recipe.about.get("source", {}).get("image_size")
    if size is None:
        raise SpecError("this recipe keeps the size of the images; give one: --size 256x256")
    return int(size[0]), int(size[1])
