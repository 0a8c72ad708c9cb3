"""The audit of given images: results are kept part by part, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scanvq.audit.auditor import Finding
from scanvq.audit.prepare import Prepared
from scanvq.audit.scans import Grids, Images
from scanvq.audit.verdict import DEFINITIONS, reachable_level, sample_results, summary
from scanvq.metrics.nearer_share import chance_range, nearer_share
from scanvq.metrics.refusal import TooFewSubjects
from scanvq.types import Progress

KEPT_EVERY = 32  # images
FEWEST_PEOPLE = 10  # in training and held out, to compare how near they are


def audit_images(
    prepared: Prepared,
    images: Images,
    codes: Grids,
    files: Sequence[str],
    *,
    origin: str,
    level: float | None = None,
    stored: dict[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Audits created images.

    Args:
        prepared: the run.
        images: (n, H, W) in [0, 1], at least one.
        codes: (n, h, w), of the coarsest level.
        files: names of the images.
        origin: where they are from, in words.
        level: false-alarm rate of verdicts; None = .01, or .05 with fewer than 99 held-out people.
        stored: an earlier result; its samples are not computed again if it is of the same images and run.
        keep: is called with the result so far, every 32 images and at the end.
        progress: called with images done and all.

    Returns:
        The content of audit.json.
    """
    held_out, refused, reached = prepared.held_out, "", None
    try:
        reached = reachable_level(held_out.people, level)
    except TooFewSubjects as refusal:
        refused = refusal.reason
    source = {"images": origin, "digest": _digest(prepared, images, codes, files, reached)}
    results: list[dict[str, Any]] = []
    if stored is not None and stored.get("source") == source:
        if stored["complete"]:
            return stored
        results = list(stored["samples"])
    people = (len(np.unique(prepared.auditor.training.people)), held_out.people)
    training_people = np.empty((len(images), people[0]), np.float32)
    held_out_people = np.empty((len(images), people[1]), np.float32)
    found: list[Finding] = []

    def content(*, complete: bool) -> dict[str, Any]:
        head = summary(results, held_out, reached, refused)
        if complete and min(people) >= FEWEST_PEOPLE:
            low, high = chance_range(training_people, held_out_people)
            value = nearer_share(training_people, held_out_people)
            head["nearer_to_training"] = {"value": value, "low": low, "high": high}
        head |= {"training_people": people[0], "source": source, "complete": complete}
        return {**head, "definitions": DEFINITIONS, "samples": results}

    for number, finding in enumerate(prepared.auditor.find(images, codes)):
        training_people[number], held_out_people[number] = finding.training_people, finding.held_out_people
        if number >= len(results) + len(found):
            found.append(finding)
        if len(found) == KEPT_EVERY or (found and number + 1 == len(images)):
            start = len(results)
            names = files[start : start + len(found)]
            results += sample_results(prepared.auditor, held_out, found, names, reached)
            found = []
            if number + 1 < len(images):
                keep(content(complete=False))
        if progress is not None:
            progress(number + 1, len(images))
    whole = content(complete=True)
    keep(whole)
    return whole


def _digest(
    prepared: Prepared, images: Images, codes: Grids, files: Sequence[str], level: float | None
) -> str:
    digest = hashlib.sha256(json.dumps([prepared.key, list(files), level]).encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    digest.update(np.ascontiguousarray(codes).astype(np.int64).tobytes())
    return digest.hexdigest()[:16]
