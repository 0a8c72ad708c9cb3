"""A trained run in memory: encode, decode, reconstruct, sample, inpaint, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.evaluation.evaluate import ProgressFactory, evaluate
from scanvq.imaging.formats import Provenance, Scan, UnreadableScan, check, format_of
from scanvq.imaging.geometry import NO_SPACING
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.model.coding import decode, encode
from scanvq.model.inpaint import inpaint_scan
from scanvq.model.sample import sample_codes
from scanvq.model.scans import prepare_scan, restore_scan
from scanvq.planning.measured_cost import cost_of, whole_cost
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe, read_recipe
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.evaluation_data import prepare_other
from scanvq.training.engine import Engine
from scanvq.training.fit import open_data
from scanvq.training.stages.codes import encode_dataset, read_codes, read_encoding
from scanvq.training.stages.prior import load_prior
from scanvq.training.stages.tokenizer import load_tokenizer
from scanvq.types import Codes, SamplingParams

Array = NDArray[Any] | Tensor


class Run:
    """A trained run: its tokenizer, its prior, and how scans are prepared for them.

    Images go in as (H, W), (n, H, W) or (n, 1, H, W), NumPy or torch, of any size. Integers are taken
    to be in the scan's own units and come back as such; floating-point numbers are intensities in
    [0, 1]. What comes back is of the same kind as what went in. Arrays count as having the pixel size of
    the run, where it has one.

    Attributes:
        began: when training was begun, by the monotonic clock, if this process has trained all of it.

    Args:
        path: the run directory.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        RunError: no run there, or one whose tokenizer is not trained yet.
    """

    def __init__(self, path: str | Path, *, device: str = "auto") -> None:
        self.directory = RunDirectory(Path(path))
        if not self.directory.recipe.is_file():
            raise RunError(f"{path} is no ScanVQ run (it has no recipe.toml); make one with `scanvq fit`")
        self.recipe: Recipe = read_recipe(self.directory.recipe)
        self.engine = Engine(device=device)
        self.device = self.engine.device
        self.tokenizer, self.header = load_tokenizer(self.directory.tokenizer.best)
        self.tokenizer.to(self.device)
        self.preparation = Preparation.from_dict(self.header["preparation"])
        self.labels: tuple[str, ...] = tuple(self.header["labels"])
        self.began: float | None = None

    @property
    def prior(self) -> HierarchicalPrior:
        """The prior. Raises WeightsError where none is trained, or it belongs to another tokenizer."""
        return self._loaded_prior[0]

    def provenance(self, *, seed: int | None = None) -> Provenance:
        """What a file made by this run says of itself: drawn by the prior with a seed, or only decoded."""
        return Provenance(model=self.header["id"] if seed is None else self._loaded_prior[1]["id"], seed=seed)

    @cached_property
    def _loaded_prior(self) -> tuple[HierarchicalPrior, dict[str, Any]]:
        prior, header = load_prior(self.directory.prior.best, tokenizer_id=self.header["id"])
        return prior.to(self.device), header

    @property
    def has_prior(self) -> bool:
        return self.directory.prior.best.is_file()

    @property
    def code_shapes(self) -> tuple[tuple[int, int], ...]:
        """(h, w) of every level of codes."""
        return tuple((shape[0], shape[1]) for shape in self.header["code_shapes"])

    def read(self, path: str | Path) -> Scan:
        """A scan from a file, cut in the plane that the run was trained on. Raises UnreadableScan."""
        scan = format_of(Path(path)).read(Path(path), plane=self.recipe.data.plane)
        reason = check(scan)
        if reason is not None and not reason.startswith("constant"):
            raise UnreadableScan(path, reason)
        wanted = self.preparation.geometry.spacing
        if wanted is not None and scan.spacing is None:
            raise UnreadableScan(path, NO_SPACING.format(spacing=wanted))
        return scan

    def encode_scan(self, scan: Scan) -> Codes:
        """The codes of every slice of a scan, (S, h, w) a level."""
        return encode(self.tokenizer, prepare_scan(scan, self.preparation), device=self.device)

    def encode(self, images: Array) -> tuple[Array, ...]:
        """Images to codes, one (n, h, w) array a level, coarse to fine."""
        scan, preparation = self._as_scan(images)
        codes = encode(self.tokenizer, prepare_scan(scan, preparation), device=self.device)
        return tuple(_like(level, images) for level in codes)

    def decode(self, codes: Sequence[Array]) -> Array:
        """Codes to images (n, H, W) of the network's size, intensities in [0, 1]."""
        levels: Codes = tuple(torch.as_tensor(np.asarray(level)).long() for level in codes)
        return _like(decode(self.tokenizer, levels, device=self.device)[:, 0], codes[0])

    def reconstruct(self, images: Array) -> Array:
        """Images to codes and back: the same shape, type and units as they came."""
        scan, preparation = self._as_scan(images)
        codes = encode(self.tokenizer, prepare_scan(scan, preparation), device=self.device)
        restored = restore_scan(decode(self.tokenizer, codes, device=self.device), scan, preparation)
        return _like(restored.slices.reshape(tuple(images.shape)), images)

    def sample(
        self,
        count: int,
        *,
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
            label: one of `labels`, or None for any.
            temperature, top_k, top_p, guidance: None for the recipe's own.
            seed: image i depends on it and on i alone.
        """
        params = self.sampling_params(
            label=label, temperature=temperature, top_k=top_k, top_p=top_p, guidance=guidance
        )
        codes = self.sample_codes(count, label=label, params=params, seed=seed)
        images: NDArray[np.float32] = decode(self.tokenizer, codes, device=self.device)[:, 0].numpy()
        return images

    def sample_codes(
        self,
        count: int,
        *,
        label: str | None,
        params: SamplingParams,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Codes:
        """New codes, (count, h, w) a level."""
        return sample_codes(
            self.prior,
            self.code_shapes,
            count,
            label=self.label_number(label),
            params=params,
            seed=seed,
            device=self.device,
            progress=progress,
        )

    def inpaint(
        self,
        image: Array,
        mask: Array,
        *,
        count: int = 1,
        label: str | None = None,
        seed: int = 0,
        params: SamplingParams | None = None,
    ) -> Array:
        """Completions (count, H, W) of an image (H, W) where `mask` is true; the rest stays as it is."""
        scan, preparation = self._as_scan(image)
        completions = inpaint_scan(
            self.tokenizer,
            self.prior,
            scan,
            np.asarray(mask).astype(bool),
            preparation,
            count=count,
            label=self.label_number(label),
            params=params or self.sampling_params(label=label),
            seed=seed,
            device=self.device,
        )
        return _like(np.concatenate([one.slices for one in completions]), image)

    def sampling_params(
        self,
        *,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
    ) -> SamplingParams:
        """The recipe's way of drawing, with what is given in its place.

        The recipe's guidance is for samples of a class, so it is left out where no `label` is asked for.
        """
        own = self.recipe.sampling
        if guidance is None:
            guidance = 1.0 if label is None else own.guidance
        return SamplingParams(
            temperature=own.temperature if temperature is None else temperature,
            top_k=own.top_k if top_k is None else top_k,
            top_p=own.top_p if top_p is None else top_p,
            guidance=guidance,
        )

    def label_number(self, label: str | None) -> int | None:
        """The class number of a label. Raises ValueError for one that the run was not trained with."""
        if label is None:
            return None
        if label not in self.labels:
            known = ", ".join(self.labels) if self.labels else "none: its data had no labels"
            raise ValueError(f"label is {label!r}; this run knows {known}")
        return self.labels.index(label)

    def evaluate(
        self,
        folder: str | Path | None = None,
        *,
        skip_bad: bool = False,
        allow_leak: bool = False,
        cache: Path | None = None,
        progress_for: ProgressFactory | None = None,
    ) -> dict[str, Any]:
        """Scores the run on its test split, or on another folder, and writes metrics.json.

        Another folder is first compared with the scans that the run has learned from; where these can no
        longer be read, `leak.unchecked` of the scores says so; `leak.unmatched` tells the files in which the
        run's `data.subject` finds nobody.

        Args:
            folder: other scans: their test split where they have one, else all of them. The scores go
                to `metrics-<folder name>.json`, since these are not the run's own.
            skip_bad: leave unusable files of `folder` out rather than stop.
            allow_leak: score `folder` although the run has learned from some of it; the scores say so.
            cache: where prepared stores are kept.
            progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

        Raises:
            LeakError: the run has learned from subjects or scans of `folder`, all of them.
        """
        progress_for = progress_for or (lambda name: lambda done, total: None)
        open_own = partial(open_data, self.directory, self.recipe, cache=cache)
        unchecked = unmatched = ""
        if folder is None:
            data = open_own()
            file = self.directory.metrics
        else:
            other = prepare_other(
                Path(folder),
                open_own,
                self.recipe.data,
                self.preparation,
                self.labels,
                skip_bad=skip_bad,
                allow_leak=allow_leak,
                cache=cache,
                checking=progress_for("leak check"),
            )
            data, unchecked, unmatched = other.data, other.unchecked, other.unmatched
            file = self.directory.path / f"metrics-{Path(folder).resolve().name}.json"
        dataset = data.dataset("test")
        if folder is None and (self.directory.codes / "codes.json").is_file():
            levels = read_codes(self.directory.codes, "test")
        else:
            levels = encode_dataset(
                self.tokenizer,
                dataset,
                precision=read_encoding(self.directory.codes).precision,
                device=self.device,
            )
        evaluation = evaluate(
            self.tokenizer,
            self.prior if self.has_prior else None,
            dataset,
            tuple(torch.from_numpy(level.astype(np.int64)) for level in levels),
            torch.from_numpy(dataset.labels) if self.labels else None,
            height=self.preparation.geometry.height,
            width=self.preparation.geometry.width,
            device=self.device,
            progress_for=progress_for,
        )
        leak = {
            "pairs": len(data.leaks),
            "found": [str(leak) for leak in data.leaks],
            "unchecked": unchecked,
            "unmatched": unmatched,
        }
        metrics = {**evaluation.metrics, "leak": leak, "cost": cost_of(self.directory)}
        self.directory.write(file, metrics)
        if folder is None:
            scores = {
                "rows": data.rows("test").tolist(),
                "ssim": evaluation.tokenizer.ssim.tolist(),
                "usage": [usage.counts.tolist() for usage in evaluation.tokenizer.usage],
            }
            self.directory.write(self.directory.path / "test_scores.json", scores)
        return metrics

    def record_cost(self, seconds: float) -> dict[str, Any]:
        """Adds to metrics.json what the run has cost as a whole, beside what its plan estimated.

        Args:
            seconds: from the first file to the scores.
        """
        cost = whole_cost(self.directory, open_data(self.directory, self.recipe), seconds)
        self.directory.write(self.directory.cost, cost)
        self.directory.write(
            self.directory.metrics,
            {**self.directory.read(self.directory.metrics), "cost": cost_of(self.directory)},
        )
        return cost

    def _as_scan(self, images: Array) -> tuple[Scan, Preparation]:
        pixels = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
        if pixels.ndim == 4 and pixels.shape[1] == 1:
            pixels = pixels[:, 0]
        if pixels.ndim not in (2, 3):
            raise ValueError(f"images have the shape {pixels.shape}; give (H, W), (n, H, W) or (n, 1, H, W)")
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        wanted = self.preparation.geometry.spacing
        scan = Scan(slices=pixels, spacing=None if wanted is None else (wanted, wanted))
        if pixels.dtype.kind != "f":
            return scan, self.preparation
        unit = Intensity(kind="full", low=0.0, high=1.0)
        return scan, Preparation(geometry=self.preparation.geometry, intensity=unit)


def _like(values: Any, original: Array) -> Array:
    """Numbers as torch or NumPy, whichever the original is."""
    if isinstance(original, Tensor):
        return torch.as_tensor(values)
    return values.numpy() if isinstance(values, Tensor) else values
