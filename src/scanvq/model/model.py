"""A trained model that encodes, decodes, reconstructs, samples, inpaints and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.decoders.image_decoder import DecoderName
from scanvq.imaging.formats import Plane, Provenance, Scan
from scanvq.imaging.preparation import Preparation
from scanvq.model.array_checks import checked_codes, checked_mask
from scanvq.model.calibration import Calibration
from scanvq.model.coder import Coder
from scanvq.model.decoders import Decoders
from scanvq.model.headers import PriorHeader, TokenizerHeader
from scanvq.model.inpaint import inpaint_images
from scanvq.model.requested_values import RequestedValues, sample_condition, with_label
from scanvq.model.sample import sample_codes, sampling_params
from scanvq.model.scans import Array, Images, like, read_scan
from scanvq.model.score import CodeLength, bits_of
from scanvq.model.source import ModelSource, read_model, write_model
from scanvq.nn.device import choose_device
from scanvq.nn.precision import Precision
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe
from scanvq.types import Codes, Progress, SamplingParams, Tokenizer, Watch


class Model:
    """Tokenizer, prior, decoder of created images, preparation, conditions, precision and device.

    ```
    Scan or array ──prepare──▶ images ──encode──▶ codes ──▶ prior
    Scan or array ◀──undo───── images ◀──decode── codes ◀── sample
    ```

    Input images are a `Scan` or an array (H, W), (n, H, W) or (n, 1, H, W), NumPy or PyTorch, of any size.
    Integers are in the units of the scan; floating-point numbers are intensities in [0, 1]. The output has
    the same type and units as the input: a `Scan` with its geometry, or an array. Arrays are taken to have
    the pixel size of the model, if it has a fixed one.

    Args:
        source: of all parts; prior and decoder are read when they are first needed.
        device: of the computation.
    """

    def __init__(self, source: ModelSource, *, device: torch.device) -> None:
        self._source, self.device = source, device
        self.recipe: Recipe = source.recipe
        self.header: TokenizerHeader = source.header
        self.coder = Coder(source.tokenizer, precision=source.header.precision, device=device)
        self.decoders = Decoders(source, self.coder)
        self._prior: tuple[HierarchicalPrior, PriorHeader] | None = None

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> Model:
        """Loads a model from a run directory, from a file written by `save`, or a shipped model by name.

        An existing path takes precedence over the name of a shipped model.

        Args:
            path: run directory, file, or name.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            ModelError: no model of that path or name. WeightsError: missing or damaged weights.
        """
        return cls(read_model(path), device=choose_device(device))

    def save(self, path: str | Path) -> None:
        """Writes the model to one safetensors file, which names no scan; replaces a model file only."""
        write_model(Path(path), self._source)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer in evaluation mode, on `device`."""
        return self.coder.tokenizer

    @property
    def prior(self) -> HierarchicalPrior:
        """The prior in evaluation mode, on `device`. Raises WeightsError if none is trained for it."""
        return self._loaded_prior()[0]

    @property
    def has_prior(self) -> bool:
        return self._source.has_prior

    @property
    def id(self) -> str:
        """Content id of the tokenizer."""
        return self.header.id

    @property
    def prior_id(self) -> str:
        """Content id of the prior. Raises WeightsError if none is trained."""
        return self._loaded_prior()[1].id

    @property
    def calibration(self) -> Calibration | None:
        """What scores are compared with; None if the model was not calibrated (`scanvq score`)."""
        return self._source.calibration

    @property
    def preparation(self) -> Preparation:
        return self.header.preparation

    @property
    def plane(self) -> Plane:
        return self.header.plane

    @property
    def conditions(self) -> ConditionSpace:
        """The conditions of the prior; empty without a prior, or for an unconditional prior."""
        return self._loaded_prior()[1].conditions if self.has_prior else NO_CONDITIONS

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the condition `label`; () without labels."""
        return self.conditions.labels

    @property
    def joint(self) -> JointDistribution:
        """The joint distribution of the prior's conditions in the training set."""
        return self._loaded_prior()[1].joint

    @property
    def precision(self) -> Precision:
        """The precision of encoding."""
        return self.header.precision

    @property
    def code_shapes(self) -> tuple[tuple[int, int], ...]:
        """(h, w) of every level of codes."""
        return self.header.code_shapes

    def read(self, path: str | Path) -> Scan:
        """Reads a scan file, volumes as slices in the plane of training. Raises UnreadableScan."""
        return read_scan(Path(path), plane=self.plane, spacing=self.preparation.geometry.spacing)

    def prepare(self, images: Array | Scan) -> Tensor:
        """Preprocesses images to the input of the network: (n, 1, H, W) in [0, 1]."""
        return Images.of(images, self.preparation).prepared()

    def encode(self, images: Array | Scan) -> tuple[Array, ...]:
        """Images to codes: an array (n, h, w) for each level, coarse to fine."""
        given = Images.of(images, self.preparation)
        return tuple(given.like(level) for level in self.coder.encode(given.prepared()))

    def decode(self, codes: Sequence[Array]) -> Array:
        """Codes to images (n, H, W) of the network's size, intensities in [0, 1]."""
        levels = checked_codes(codes, self.code_shapes)
        return like(self.coder.decode(levels)[:, 0], codes[0])

    @overload
    def reconstruct(self, images: Scan) -> Scan: ...

    @overload
    def reconstruct(self, images: Array) -> Array: ...

    def reconstruct(self, images: Array | Scan) -> Array | Scan:
        """Encodes and decodes images: the output has the shape, type and units of the input."""
        given = Images.of(images, self.preparation)
        restored = given.restored(self.coder.decode(self.coder.encode(given.prepared())))
        if isinstance(images, Scan):
            return restored
        return like(restored.slices.reshape(np.shape(images)), images)

    def sample(
        self,
        count: int,
        *,
        condition: RequestedValues | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> NDArray[np.float32]:
        """New images (count, H, W) of the size of the data set's slices, intensities in [0, 1].

        Args:
            count: number of images.
            condition: requested values by name, such as {"age": 70}. All other conditions are sampled from
                the joint distribution of the training set, given these.
            label: requested value of the condition `label`.
            temperature, top_k, top_p, guidance: None = the recipe's value.
            decoder: "faithful" or "natural", see `Decoders`; None = natural where the model has it.
            seed: image i depends on the seed and on i alone.
        """
        requested = with_label(condition, label)
        params = self.sampling_params(
            condition=requested, temperature=temperature, top_k=top_k, top_p=top_p, guidance=guidance
        )
        codes = self.sample_codes(count, condition=requested, params=params, seed=seed)
        images = self.decoders.decode(codes, decoder=decoder, seed=seed)[:, 0].numpy()
        return self.preparation.to_native(images)

    def sample_codes(
        self,
        count: int,
        *,
        condition: RequestedValues | None = None,
        label: str | None = None,
        params: SamplingParams,
        seed: int,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Codes:
        """Samples codes, (count, h, w) a level. `progress`: samples done and all; `watch`: codes so far."""
        requested = with_label(condition, label)
        return sample_codes(
            self.prior,
            self.code_shapes,
            count,
            condition=sample_condition(self.joint, count, requested, seed=seed),
            params=replace(params, guided=tuple(requested)),
            seed=seed,
            device=self.device,
            progress=progress,
            watch=watch,
        )

    @overload
    def inpaint(
        self,
        images: Scan,
        mask: Array,
        *,
        count: int = 1,
        condition: RequestedValues | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> list[Scan]: ...

    @overload
    def inpaint(
        self,
        images: Array,
        mask: Array,
        *,
        count: int = 1,
        condition: RequestedValues | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> Array: ...

    def inpaint(
        self,
        images: Array | Scan,
        mask: Array,
        *,
        count: int = 1,
        condition: RequestedValues | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> Array | list[Scan]:
        """Samples completions of the pixels where `mask` is true; all other pixels stay unchanged.

        Args:
            images: a scan, or an image (H, W).
            mask: (H, W), the same for every slice, or (S, H, W); slices are completed one by one.
            count: number of completions.
            condition: requested values by name; other conditions are absent: the known part determines them.
            label: requested value of the condition `label`.
            params: sampling parameters; None = the recipe's values.
            decoder: "faithful" or "natural", see `Decoders`; None = natural where the model has it.
            seed: of the first completion; completion i uses seed + i.

        Returns:
            A list of `count` scans, or an array (count, H, W).

        Raises:
            ValueError: a mask that does not fit, or a prior that cannot inpaint.
        """
        requested, given = with_label(condition, label), Images.of(images, self.preparation)
        params = params or self.sampling_params(condition=requested)
        completions = inpaint_images(
            self.coder,
            self.prior,
            given,
            checked_mask(mask, given.scan.slices.shape),
            count=count,
            condition=self.conditions.parse(requested, len(given.scan.slices)),
            params=replace(params, guided=tuple(requested)),
            decoders=self.decoders,
            decoder=decoder,
            seed=seed,
            device=self.device,
        )
        if isinstance(images, Scan):
            return completions
        return like(np.concatenate([completion.slices for completion in completions]), images)

    def score(self, images: Array | Scan, *, condition: RequestedValues | None = None) -> CodeLength:
        """Code length: the negative log2 likelihood of the codes of each image.

        Args:
            images: a scan or an array.
            condition: values by name, the same for all images; all other conditions are absent.

        Raises:
            WeightsError: no prior is trained. TypeError: the prior has no likelihood.
        """
        codes = self.coder.encode(self.prepare(images))
        given = self.conditions.parse(condition or {}, len(codes[0]))
        bits = bits_of(self.prior, codes, condition=given, device=self.device)
        return CodeLength.of(bits, codes, self.preparation.geometry)

    def sampling_params(
        self,
        *,
        condition: RequestedValues | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
    ) -> SamplingParams:
        """The recipe's sampling defaults, replaced by the given arguments; guidance is 1 without requests."""
        given = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "guidance": guidance}
        return sampling_params(self.recipe.sampling, given, requested=bool(with_label(condition, label)))

    def provenance(self, *, seed: int | None = None, decoder: DecoderName = "faithful") -> Provenance:
        """The provenance of generated files: model id, seed unless only decoded, and decoder."""
        return Provenance(model=self.id if seed is None else self.prior_id, seed=seed, decoder=decoder)

    def _loaded_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        if self._prior is None:
            prior, header = self._source.load_prior()
            self._prior = prior.to(self.device), header
        return self._prior
