"""A trained model: one object that encodes, decodes, reconstructs, samples, completes and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.imaging.formats import Plane, Provenance, Scan, UnreadableScan, check, format_of
from scanvq.imaging.geometry import NO_SPACING
from scanvq.imaging.preparation import Preparation
from scanvq.model.coder import Coder
from scanvq.model.headers import PriorHeader, TokenizerHeader
from scanvq.model.inpaint import inpaint_images
from scanvq.model.sample import sample_codes
from scanvq.model.scans import Array, Images, like
from scanvq.model.score import CodeLength, bits_of
from scanvq.model.source import ModelSource, read_model, write_model
from scanvq.model.wishes import Wishes, all_wishes, draw_condition
from scanvq.nn.device import choose_device
from scanvq.nn.precision import Precision
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe
from scanvq.types import Codes, SamplingParams, Tokenizer


class Model:
    """Tokenizer + prior + preparation + conditions + sampling defaults + how it computes.

    ```
    Scan or array ──prepare──▶ images ──encode──▶ codes ──▶ prior
    Scan or array ◀──undo───── images ◀──decode── codes ◀── sample
    ```

    Images go in as a `Scan` or as an array (H, W), (n, H, W) or (n, 1, H, W), NumPy or torch, of any size.
    Integers are in the scan's own units and come back as such; floating-point numbers are intensities in
    [0, 1]. What comes back is of the same kind as what went in: a `Scan` with geometry and units, or an
    array. Arrays count as having the pixel size of the model, where it has one.

    Args:
        source: where tokenizer, prior and recipe come from; the prior is read when it is first needed.
        device: where to compute.
    """

    def __init__(self, source: ModelSource, *, device: torch.device) -> None:
        self._source = source
        self.recipe: Recipe = source.recipe
        self.header: TokenizerHeader = source.header
        self.device = device
        self.coder = Coder(source.tokenizer, precision=source.header.precision, device=device)
        self._prior: tuple[HierarchicalPrior, PriorHeader] | None = None

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> Model:
        """Loads a model from a run directory, from a file that `save` wrote, or by the name of a shipped one.

        An existing path wins over a shipped name.

        Args:
            path: run directory, file, or name.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            ModelError: nothing of that path or name. WeightsError: weights that are missing or damaged.
        """
        return cls(read_model(path), device=choose_device(device))

    def save(self, path: str | Path) -> None:
        """Writes the model into one safetensors file: weights, recipe, preparation, sampling defaults."""
        write_model(Path(path), self._source)

    @property
    def tokenizer(self) -> Tokenizer:
        """In evaluation mode, on `device`."""
        return self.coder.tokenizer

    @property
    def prior(self) -> HierarchicalPrior:
        """In evaluation mode, on `device`. Raises WeightsError: none is trained, or of another tokenizer."""
        return self._loaded_prior()[0]

    @property
    def has_prior(self) -> bool:
        return self._source.has_prior

    @property
    def id(self) -> str:
        """Content id of the tokenizer."""
        return self.header.id

    @property
    def preparation(self) -> Preparation:
        return self.header.preparation

    @property
    def plane(self) -> Plane:
        return self.header.plane

    @property
    def conditions(self) -> ConditionSpace:
        """What samples can be asked to be; none without a prior, or where it was trained without any."""
        return self._loaded_prior()[1].conditions if self.has_prior else NO_CONDITIONS

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the condition `label`; () where it is none."""
        return self.conditions.labels

    @property
    def precision(self) -> Precision:
        """How images are encoded."""
        return self.header.precision

    @property
    def code_shapes(self) -> tuple[tuple[int, int], ...]:
        """(h, w) of every level of codes."""
        return self.header.code_shapes

    def read(self, path: str | Path) -> Scan:
        """A scan from a file, cut in the plane that the model was trained on. Raises UnreadableScan."""
        scan = format_of(Path(path)).read(Path(path), plane=self.plane)
        reason = check(scan)
        if reason is not None and not reason.startswith("constant"):
            raise UnreadableScan(path, reason)
        wanted = self.preparation.geometry.spacing
        if wanted is not None and scan.spacing is None:
            raise UnreadableScan(path, NO_SPACING.format(spacing=wanted))
        return scan

    def prepare(self, images: Array | Scan) -> Tensor:
        """What the network sees: (n, 1, H, W) in [0, 1]."""
        return Images.of(images, self.preparation).prepared()

    def encode(self, images: Array | Scan) -> tuple[Array, ...]:
        """Images to codes, one (n, h, w) array a level, coarse to fine."""
        given = Images.of(images, self.preparation)
        return tuple(given.like(level) for level in self.coder.encode(given.prepared()))

    def decode(self, codes: Sequence[Array]) -> Array:
        """Codes to images (n, H, W) of the network's size, intensities in [0, 1]."""
        levels: Codes = tuple(torch.as_tensor(np.asarray(level)).long() for level in codes)
        return like(self.coder.decode(levels)[:, 0], codes[0])

    @overload
    def reconstruct(self, images: Scan) -> Scan: ...

    @overload
    def reconstruct(self, images: Array) -> Array: ...

    def reconstruct(self, images: Array | Scan) -> Array | Scan:
        """Images to codes and back: the same shape, type and units as they came."""
        given = Images.of(images, self.preparation)
        restored = given.restored(self.coder.decode(self.coder.encode(given.prepared())))
        if isinstance(images, Scan):
            return restored
        return like(restored.slices.reshape(tuple(images.shape)), images)

    def sample(
        self,
        count: int,
        *,
        condition: Wishes | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        seed: int = 0,
    ) -> NDArray[np.float32]:
        """New images (count, H, W) of the network's size, intensities in [0, 1].

        Args:
            count: how many.
            condition: wishes by name, such as {"age": 70}. All other conditions are drawn from the joint
                distribution of the training set, given these.
            label: short for the condition of this name.
            temperature, top_k, top_p, guidance: None for the recipe's own.
            seed: image i depends on it and on i alone.
        """
        params = self.sampling_params(
            condition=condition,
            label=label,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            guidance=guidance,
        )
        codes = self.sample_codes(count, condition=condition, label=label, params=params, seed=seed)
        images: NDArray[np.float32] = self.coder.decode(codes)[:, 0].numpy()
        return images

    def sample_codes(
        self,
        count: int,
        *,
        condition: Wishes | None = None,
        label: str | None = None,
        params: SamplingParams,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Codes:
        """New codes, (count, h, w) a level; `progress` is called with samples done and all."""
        wishes = all_wishes(condition, label)
        return sample_codes(
            self.prior,
            self.code_shapes,
            count,
            condition=draw_condition(self._loaded_prior()[1].joint, count, wishes, seed=seed),
            params=replace(params, guided=tuple(wishes)),
            seed=seed,
            device=self.device,
            progress=progress,
        )

    @overload
    def inpaint(
        self,
        images: Scan,
        mask: Array,
        *,
        count: int = 1,
        condition: Wishes | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        seed: int = 0,
    ) -> list[Scan]: ...

    @overload
    def inpaint(
        self,
        images: Array,
        mask: Array,
        *,
        count: int = 1,
        condition: Wishes | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        seed: int = 0,
    ) -> Array: ...

    def inpaint(
        self,
        images: Array | Scan,
        mask: Array,
        *,
        count: int = 1,
        condition: Wishes | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        seed: int = 0,
    ) -> Array | list[Scan]:
        """Completions where `mask` (H, W) is true; the rest stays as it is, bit for bit.

        Args:
            images: a scan, or an image (H, W).
            mask: true where a pixel is unknown; the same for every slice.
            count: how many completions.
            condition: wishes by name; all other conditions are absent, since the known part tells them.
            label: short for the condition of this name.
            params: how codes are drawn; None for the recipe's own.
            seed: of the first completion; the next ones count up.

        Returns:
            A list of `count` scans, or an array (count, H, W).

        Raises:
            ValueError: a mask that does not fit, or a prior that makes whole images only.
        """
        wishes, given = all_wishes(condition, label), Images.of(images, self.preparation)
        params = params or self.sampling_params(condition=wishes)
        completions = inpaint_images(
            self.coder,
            self.prior,
            given,
            np.asarray(mask).astype(bool),
            count=count,
            condition=self.conditions.parse(wishes, len(given.scan.slices)),
            params=replace(params, guided=tuple(wishes)),
            seed=seed,
            device=self.device,
        )
        if isinstance(images, Scan):
            return completions
        return like(np.concatenate([one.slices for one in completions]), images)

    def score(self, images: Array | Scan, *, condition: Wishes | None = None) -> CodeLength:
        """The bits that the prior needs for the codes of each image.

        Args:
            images: a scan or an array.
            condition: score as of these, by name; what is not named is absent.

        Raises:
            WeightsError: no prior is trained. TypeError: the prior has no likelihood.
        """
        codes = self.coder.encode(self.prepare(images))
        geometry = self.preparation.geometry
        return CodeLength(
            bits=bits_of(
                self.prior,
                codes,
                condition=self.conditions.parse(condition or {}, len(codes[0])),
                device=self.device,
            ),
            cells=sum(h * w for h, w in self.code_shapes),
            pixels=geometry.height * geometry.width,
        )

    def sampling_params(
        self,
        *,
        condition: Wishes | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
    ) -> SamplingParams:
        """The recipe's sampling defaults, with what is given in their place.

        The recipe's guidance goes towards wishes, so it is left out where there are none.
        """
        own = self.recipe.sampling
        if guidance is None:
            guidance = own.guidance if all_wishes(condition, label) else 1.0
        return SamplingParams(
            temperature=own.temperature if temperature is None else temperature,
            top_k=own.top_k if top_k is None else top_k,
            top_p=own.top_p if top_p is None else top_p,
            guidance=guidance,
        )

    def provenance(self, *, seed: int | None = None) -> Provenance:
        """What a file made by this model says of itself: sampled with a seed, or only decoded."""
        return Provenance(model=self.id if seed is None else self._loaded_prior()[1].id, seed=seed)

    def _loaded_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        if self._prior is None:
            prior, header = self._source.load_prior()
            self._prior = prior.to(self.device), header
        return self._prior
