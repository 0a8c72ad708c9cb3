"""The memorization audit on planted copies: are they found, are new people left alone, are sources named?

Training scans are planted among images of held-out people, who stand for good samples: as they are and
disguised (mirrored, shifted by up to 4 pixels, gray values to the power .8 to 1.25, noise of 2 %, through the
tokenizer and back), 1, 5 and 20 % of all. In "scans" all images are files; in "decoded" all of them went
through the tokenizer, as samples do. p-values come from one half of the held-out people and false alarms from
the other half, over 200 random halves; their range of chance is the beta-binomial one. Mosaics are grids of
codes from 2, 3 or 4 patients side by side or in quadrants: each region must name its patient.

The cost is that of 1,000 images beside 10,000 training slices of 192x160 pixels with 48x40 codes (smooth
random fields) with all that is prepared; also in processor seconds, for a machine with other work. `--scans`
takes a run directory with a trained tokenizer, or a folder of scans to train a small tokenizer on.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.measuring import seconds
from benchmarks.record import Row, Setup
from scanvq import api
from scanvq.audit.auditor import Auditor
from scanvq.audit.code_matches import match_codes
from scanvq.audit.disguises import DISGUISES
from scanvq.audit.evidence import SPACES, HeldOutEvidence
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.prepare import prepare
from scanvq.audit.scans import Images, Scans, batches
from scanvq.metrics.auc import auc_within_folds
from scanvq.metrics.false_alarms import chance_of_copies, fewest_held_out, smallest_p
from scanvq.model.model import Model
from scanvq.storage.files import read_json
from scanvq.storage.run_directory import RunDirectory
from scanvq.synthetic import write_demo

Evidence = Mapping[str, NDArray[np.float64]]
TOKENIZER = "through the tokenizer"
SHARES = (0.01, 0.05, 0.2)
PLANTED, MOSAICS, HALVES, LEVELS = 50, 60, 200, (0.01, 0.02, 0.05, 0.1)


def _quiet(name: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def rows(setup: Setup) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        run = opened(setup, Path(scratch))
        model = Model.load(run, device=setup.device.type)
        cache = Path(scratch) / "cache"
        cache = None if setup.scans is not None and (setup.scans / "recipe.toml").is_file() else cache
        auditor = prepare(model, RunDirectory(run), "scans", cache=cache, progress_for=_quiet).auditor
        planted = 4 if setup.short else PLANTED
        for domain in ("scans", "decoded"):
            innocent = evidence_of(auditor, *held_out(auditor, model, domain), auditor.held_out.people)
            alarms = false_alarms(domain, auditor, innocent, halves=5 if setup.short else HALVES)
            yield replace(alarms, notes=f"scans of {Path(read_json(run / 'data.json')['folder']).name}")
            yield found_copies(domain, auditor, model, innocent, planted)
        yield mosaics(auditor, 3 if setup.short else MOSAICS)
    yield cost(*((20, 60, 32, 24) if setup.short else (1_000, 10_000, 192, 160)))


def opened(setup: Setup, scratch: Path) -> Path:
    """A copy of the given run, or a small one."""
    scans = setup.scans
    if scans is not None and (scans / "recipe.toml").is_file():
        return Path(shutil.copytree(scans, scratch / "run"))
    if scans is None:
        scans = scratch / "scans"
        write_demo(scans, subjects=60, slices=1)
    api.fit(
        scans,
        out=scratch / "run",
        recipe="tiny",
        overrides=("preparation.size=[32,32]", "data.test=0.3", "data.validation=0.3"),
        epochs=1,
        device=setup.device.type,
        cache=scratch / "cache",
        allow_leak=True,  # the same few templates make many synthetic heads
    )
    return scratch / "run"


def held_out(auditor: Auditor, model: Model, domain: str) -> tuple[Images, NDArray[np.integer]]:
    """Images and codes of held-out people."""
    scans = auditor.held_out
    if domain == "scans":
        return read(scans, np.arange(len(scans))), scans.codes
    levels = tuple(torch.from_numpy(level.astype(np.int64)) for level in scans.levels)
    return model.coder.decode(levels)[:, 0].numpy(), scans.codes


def evidence_of(
    auditor: Auditor, images: Images, codes: NDArray[np.integer], people: NDArray[np.int64] | None = None
) -> dict[str, NDArray[np.float64]]:
    found = [one.evidence() for one in auditor.find(images, codes, people=people)]
    return {name: np.array([one[name] for one in found], np.float64) for name in found[0]}


def false_alarms(domain: str, auditor: Auditor, innocent: Evidence, *, halves: int) -> Row:
    """Verdicts on one half of the held-out people by p-values of the other half."""
    people = auditor.held_out.people
    names, random = np.unique(people), np.random.default_rng(0)
    half, others = len(names) // 2, len(names) - len(names) // 2
    levels = [one for one in LEVELS if half >= fewest_held_out(one)] or [smallest_p(half)]
    rates: dict[float, list[float]] = {level: [] for level in levels}
    for _ in range(halves):
        known = np.isin(people, random.permutation(names)[:half])
        law = HeldOutEvidence.by_person(_part(innocent, known), people[known])
        p = law.p_values(_part(innocent, ~known))["all"]
        for level in levels:
            rates[level].append(float((p <= level + 1e-12).mean()))
    numbers: dict[str, dict[str, float | None]] = {}
    for level in levels:
        mean, low, high = chance_of_copies(level, held_out=half, samples=others)
        numbers[f"level {level:.2g}"] = {
            "false alarms, %": 100 * float(np.mean(rates[level])),
            "expected, %": 100 * mean,
            "halves in the 95 % range, %": 100 * float(np.mean([low <= one <= high for one in rates[level]])),
        }
    case = f"false alarms, {domain}, {len(names)} held-out people"
    return Row(case=case, seconds={name: () for name in numbers}, numbers=numbers)


def found_copies(domain: str, auditor: Auditor, model: Model, innocent: Evidence, count: int) -> Row:
    """AUC of planted copies among held-out people, and how many are called copies."""
    random, training = np.random.default_rng(1), auditor.training
    chosen = np.sort(random.permutation(len(training))[: min(count, len(training))])
    originals = read(training, chosen)
    people = auditor.held_out.people
    law = HeldOutEvidence.by_person(innocent, people)
    level = next((one for one in LEVELS if law.people >= fewest_held_out(one)), 1.0)
    numbers: dict[str, dict[str, float | None]] = {}
    for name in (*DISGUISES, TOKENIZER):
        images = originals if name == TOKENIZER else DISGUISES[name](originals, random)
        codes = model.coder.encode(torch.from_numpy(images)[:, None])
        if name == TOKENIZER or domain == "decoded":
            images = model.coder.decode(codes)[:, 0].numpy()
        planted = evidence_of(auditor, images, codes[0].numpy())
        score, other = law.strength(planted), law.strength(innocent)
        own = numbers[name] = {"AUC": auc(score, other)}
        for share in SHARES:
            few = random.permutation(len(score))[: max(1, round(share * len(other) / (1 - share)))]
            own[f"AUC, {share:.0%} planted"] = auc(score[few], other)
        own[f"called copies at {level:g}, %"] = 100 * float((law.p_values(planted)["all"] <= level).mean())
        own |= {f"AUC by {space}": auc(planted[space], innocent[space]) for space in SPACES}
    case = f"planted copies, {domain}, {len(chosen)} among {len(people)} images of {law.people} people"
    return Row(case=case, seconds={name: () for name in numbers}, numbers=numbers)


def mosaics(auditor: Auditor, count: int) -> Row:
    """Codes of several patients side by side; is each region's largest source its patient?"""
    training, random = auditor.training, np.random.default_rng(2)
    _, height, width = training.codes.shape
    numbers: dict[str, dict[str, float | None]] = {}
    for name, regions in {
        "2 halves": [(slice(None), slice(0, width // 2)), (slice(None), slice(width // 2, None))],
        "3 strips": [(slice(height * k // 3, height * (k + 1) // 3), slice(None)) for k in range(3)],
        "4 quadrants": [
            (slice(*rows), slice(*columns))
            for rows, columns in product(
                ((0, height // 2), (height // 2, None)), ((0, width // 2), (width // 2, None))
            )
        ],
    }.items():
        right, cells, named = 0, [], []
        for _ in range(count):
            people = random.permutation(np.unique(training.people))[: len(regions)]
            sources = [int(random.choice(np.flatnonzero(training.people == person))) for person in people]
            mosaic = np.empty_like(training.codes[:1])
            for region, source in zip(regions, sources, strict=True):
                mosaic[0][region] = training.codes[source][region]
            (match,) = match_codes(auditor.codes, auditor.code_people, mosaic)
            for region, person in zip(regions, people, strict=True):
                rare, found = match.rare[region], match.sources[region]
                shares = {one: (found[rare] == one).sum() for one in np.unique(found[rare & (found >= 0)])}
                right += bool(shares) and max(shares, key=lambda one: shares[one]) == person
                cells.append(float((found[rare] == person).mean()) if rare.any() else 1.0)
            named.append(set(list(match.shares())[: len(regions)]) == {int(one) for one in people})
        numbers[name] = {
            "regions that name their patient, %": 100 * right / (count * len(regions)),
            "rare cells that do, %": 100 * float(np.mean(cells)),
            "mosaics whose largest shares are the patients', %": 100 * float(np.mean(named)),
        }
    case = f"mosaics of codes, {count} of each kind, {len(training)} training images"
    return Row(case=case, seconds={name: () for name in numbers}, numbers=numbers)


def cost(samples: int, slices: int, height: int, width: int) -> Row:
    """Seconds of preparing and of auditing; smooth random fields and their gray values as codes."""
    training, held, created = (
        fields(number, height, width, seed=seed) for seed, number in enumerate((slices, 100, samples))
    )
    found: dict[str, Any] = {}

    def index() -> None:
        found["index"] = ImageIndex.build(training, held)

    def audit() -> None:
        auditor = Auditor(training, held, found["index"], codebook_size=512)
        images = read(created, np.arange(len(created)))
        found["count"] = sum(1 for _ in auditor.find(images, created.codes))

    device = torch.device("cpu")
    begun = time.process_time()
    prepared, audited = seconds(index, device), seconds(audit, device)
    processor = time.process_time() - begun
    return Row(
        case=f"cost of {samples:,} samples beside {slices:,} training slices of {height}x{width}",
        seconds={"index, once for a run": [prepared], "audit": [audited]},
        facts={"together, s": prepared + audited, "processor, s": processor},
        notes="wanted: below 60 s on 2 cores",
    )


def fields(count: int, height: int, width: int, *, seed: int) -> Scans:
    """Smooth random fields, kept as 8 bits, one a person."""
    random = np.random.default_rng(seed)
    images = np.empty((count, height, width), np.uint8)
    coarse = np.empty((count, height // 4, width // 4))
    for part in batches(count, 50):
        noise = random.normal(size=(len(part), height // 4, width // 4))
        smooth = ndimage.gaussian_filter(noise, (0, 2, 2)) * 4
        coarse[part] = smooth
        images[part] = np.clip(128 + 60 * smooth.repeat(4, axis=1).repeat(4, axis=2), 0, 255)
    codes = np.clip(256 + 96 * coarse, 0, 511).astype(np.uint16)
    return Scans(
        read=lambda rows: (images[rows] / 255).astype(np.float32),
        people=np.arange(count) + 100_000 * seed,
        files=tuple(f"{number}" for number in range(count)),
        subjects=tuple(f"{number}" for number in range(count)),
        levels=(codes,),
    )


def read(scans: Scans, chosen: NDArray[np.int64]) -> Images:
    return np.concatenate([scans.read(chosen[part]) for part in batches(len(chosen))])


def auc(planted: NDArray[np.float64], innocent: NDArray[np.float64]) -> float:
    folds, others = np.zeros(len(planted), int), np.zeros(len(innocent), int)
    return auc_within_folds(planted, innocent, folds=folds, other_folds=others)


def _part(evidence: Evidence, kept: NDArray[np.bool_] | Sequence[int]) -> dict[str, NDArray[np.float64]]:
    return {name: values[kept] for name, values in evidence.items()}
