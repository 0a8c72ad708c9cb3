"""A whole prior in exact arithmetic: its levels and global codes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_conditions import Values
from scanvq.codec.exact_gated_pixelcnn import ExactGatedPixelCNN
from scanvq.codec.exact_pixelcnn import ExactPixelCNN
from scanvq.codec.exact_stepper import ExactNetwork, ExactStepper, Grid
from scanvq.codec.fixed_point import Exact
from scanvq.codec.range_coder import MOST_SYMBOLS, Decoder, Encoder, frequencies
from scanvq.codec.tables import likelihoods
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.global_code import PREFIX, GlobalCode
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.types import CodePrior

GROUP = 16
"""Images whose codes are interleaved in a stream. A property of the format, whatever the batch size."""

Coded = Callable[[int], None]
"""Is called with the number of rows of codes that were coded, of one image each."""


class ExactPrior:
    """Codes of images to symbols of a range coder and back, with the same probabilities on every machine.

    The symbols are, for each group of `GROUP` images: the global codes of the images; then of every level,
    coarse to fine, of every cell in raster order, the codes of the images.

    Args:
        prior: all levels are PixelCNN or gated PixelCNN.
        shapes: (h, w) of every level.

    Raises:
        CodecError: another kind of prior, or weights that are too large for exact arithmetic.
    """

    def __init__(self, prior: HierarchicalPrior, shapes: Sequence[tuple[int, int]]) -> None:
        self._networks = [_exact(level) for level in prior.priors]
        self._shapes = tuple(shapes)
        self._global = None if prior.global_code is None else _GlobalModel(prior.global_code)
        if any(not 2 <= network.size <= MOST_SYMBOLS for network in self._networks):
            raise CodecError(f"the codec needs a codebook of 2 to {MOST_SYMBOLS:,} codes")

    @property
    def rows(self) -> int:
        """Rows of codes of an image, over all levels."""
        return sum(height for height, _ in self._shapes)

    def encode(
        self, encoder: Encoder, codes: Sequence[Grid], condition: Values, *, batch: int, coded: Coded
    ) -> None:
        """Appends the codes of images.

        Args:
            encoder: of the stream.
            codes: (n, h, w) of every level.
            condition: the global codes (n,) of the images, by name of the condition.
            batch: images of which the prior is computed at once; does not change the result.
            coded: is called with the rows of codes done.
        """
        for start in range(0, len(codes[0]), GROUP):
            part = [level[start : start + GROUP] for level in codes]
            given = {name: values[start : start + GROUP] for name, values in condition.items()}
            if self._global is not None:
                encoder.encode(*self._global.symbols(given))
            for number, level in enumerate(part):
                steppers = self._steppers(number, len(level), part[:number], given, batch)
                by_cell = level.transpose(1, 2, 0)  # (h, w, B)
                for row, line in enumerate(by_cell):
                    sums = []
                    for stepper, first in steppers:
                        stepper.start_row(row)
                        stepper.set(row, 0, line[:, first : first + stepper.batch])
                        sums.append(stepper.logits(0, stepper.width))
                    encoder.encode(line.ravel(), _model(sums))
                    coded(len(level))

    def decode(self, decoder: Decoder, count: int, *, batch: int, coded: Coded) -> tuple[Grid, ...]:
        """The codes (count, h, w) of every level, from symbols that `encode` appended.

        Raises:
            CodecError: damaged symbols.
        """
        groups = []
        for start in range(0, count, GROUP):
            size = min(GROUP, count - start)
            given = {} if self._global is None else self._global.decode(decoder, size)
            group: list[Grid] = []
            for number, (height, width) in enumerate(self._shapes):
                steppers = self._steppers(number, size, group, given, batch)
                level = np.zeros((height, width, size), np.int64)
                for row, column in itertools.product(range(height), range(width)):
                    if column == 0:
                        for stepper, _ in steppers:
                            stepper.start_row(row)
                    found = decoder.decode(_model([each.logits(column, column + 1) for each, _ in steppers]))
                    level[row, column] = found
                    for stepper, first in steppers:
                        stepper.set(row, column, found[None, first : first + stepper.batch])
                    if column == width - 1:
                        coded(size)
                group.append(np.ascontiguousarray(level.transpose(2, 0, 1)))
            groups.append(group)
        return tuple(np.concatenate(level) for level in zip(*groups, strict=True))

    def _steppers(
        self, number: int, size: int, context: Sequence[Grid], condition: Values, batch: int
    ) -> list[tuple[ExactStepper, int]]:
        """Steppers of a level for batches of a group, each with its first image."""
        found = []
        for first in range(0, size, batch):
            part = slice(first, min(first + batch, size))
            stepper = self._networks[number].stepper(
                (part.stop - first, *self._shapes[number]),
                context=[level[part] for level in context],
                condition={name: values[part] for name, values in condition.items()},
            )
            found.append((stepper, first))
        return found


def _model(sums: Sequence[Exact]) -> Exact:
    """Logits (n, B, K) of batches to the model of n cells of all of their images, (n * all, K)."""
    together = sums[0] if len(sums) == 1 else np.concatenate(sums, axis=1)
    return frequencies(likelihoods(together.reshape(-1, together.shape[-1])))


def _exact(level: CodePrior) -> ExactNetwork:
    if isinstance(level, GatedPixelCNN):
        return ExactGatedPixelCNN(level)
    if isinstance(level, PixelCNN):
        return ExactPixelCNN(level)
    raise CodecError(
        f"the codec cannot use a prior of the kind {type(level).__name__}; train one of the kind "
        "gated_pixelcnn or pixelcnn"
    )


class _GlobalModel:
    """The joint frequencies of the global codes in the training set, each count plus 1/2."""

    def __init__(self, code: GlobalCode) -> None:
        counts = code.get_buffer("counts").cpu().double().numpy()
        self._names = [PREFIX + name for name in code.sizes]
        self._sizes = counts.shape
        twice = np.minimum(2 * np.rint(counts) + 1, 2.0**26)
        self._model = frequencies(twice.reshape(1, -1))

    def symbols(self, condition: Values) -> tuple[NDArray[np.int64], Exact]:
        found = np.ravel_multi_index(tuple(condition[name] for name in self._names), self._sizes)
        return found.astype(np.int64), self._model.repeat(len(found), axis=0)

    def decode(self, decoder: Decoder, count: int) -> Values:
        symbols = decoder.decode(self._model.repeat(count, axis=0))
        values = np.unravel_index(symbols, self._sizes)
        return {name: value.astype(np.int64) for name, value in zip(self._names, values, strict=True)}
