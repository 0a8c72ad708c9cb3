"""From findings to audit.json: p-values, verdicts at a stated false-alarm rate, and the rate of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanvq.audit.auditor import Auditor, Finding
from scanvq.audit.evidence import SPACES, HeldOutEvidence
from scanvq.audit.neighbors import Neighbor
from scanvq.metrics.false_alarms import (
    chance_of_copies,
    fewest_held_out,
    proportion_interval,
    smallest_p,
)
from scanvq.metrics.refusal import TooFewSubjects

LEVELS = (0.01, 0.05)
"""False-alarm rates of verdicts: the first that there are enough held-out people for."""

SOURCES_SHOWN = 5
SMALLEST_SHARE = 0.01

DEFINITIONS = {
    "pixels": "correlation of band-passed images with equal local contrast, at the best shift and mirroring",
    "features": "cosine of discriminant features fitted to the training images, at the best shift",
    "codes": "log2(1 + bits) of the square of equal codes that is rarest in training images at its place",
    "p": "conformal: (1 + held-out people at least as similar to training images) / (1 + held-out people)",
    "strength": "the highest of the three, correlations as arctanh, each less its median and in units of its "
    "quartile range over held-out people; p is of this",
    "copy": "whether p is at most the level, the false-alarm rate for images of new people",
    "rate": "share of the samples that are copies, with the exact 95 % interval",
    "chance": "what the rate would be for images of new people, and where 95 % of such audits lie",
    "nearer_to_training": "chance that as many training people as there are held-out people, drawn at "
    "random, hold one who is nearer than all held-out people; expected .5; low and high: where 95 % lie if "
    "it does not matter who was trained on",
    "sources": "share of the cells with a rare code whose largest block of equal codes is from a subject",
}


def reachable_level(held_out: int, level: float | None) -> float:
    """The false-alarm rate of verdicts.

    Args:
        held_out: how many people.
        level: what was asked for; None = the first of `LEVELS` that is possible.

    Raises:
        TooFewSubjects: so few held-out people allow no verdict at that rate.
    """
    for one in LEVELS if level is None else (level,):
        if held_out >= fewest_held_out(one):
            return one
    wanted = LEVELS[-1] if level is None else level
    raise TooFewSubjects(
        f"a verdict at a false-alarm rate of {wanted:g} needs at least {fewest_held_out(wanted)} held-out "
        f"people; there are {held_out}, who allow no p-value below {smallest_p(held_out):.2g}"
    )


def sample_results(
    auditor: Auditor,
    held_out: HeldOutEvidence,
    findings: Sequence[Finding],
    files: Sequence[str],
    level: float | None,
) -> list[dict[str, Any]]:
    """The entries of audit.json for some images.

    Args:
        auditor: that found them.
        held_out: the evidence of held-out people.
        findings: of the images.
        files: their names.
        level: of the verdict; None = no verdict.
    """
    evidence = [finding.evidence() for finding in findings]
    p_values = held_out.p_values(
        {space: np.array([one[space] for one in evidence], np.float64) for space in SPACES}
    )
    results = []
    for place, (file, finding) in enumerate(zip(files, findings, strict=True)):
        p = {space: float(values[place]) for space, values in p_values.items()}
        results.append(_result(auditor, finding, file, p, level))
    return results


def summary(
    results: Sequence[Mapping[str, Any]], held_out: HeldOutEvidence, level: float | None, refused: str
) -> dict[str, Any]:
    """Rate, chance and what held-out people have, for audit.json.

    Args:
        results: of all images so far, at least one.
        held_out: the evidence of held-out people.
        level: of the verdict; None = no verdict, because of what `refused` says.
        refused: "" with a verdict.
    """
    count = len(results)
    rate: dict[str, float | None] = {"value": None, "low": None, "high": None}
    chance = dict(rate)
    if level is not None:
        copies = sum(bool(one["copy"]) for one in results)
        low, high = proportion_interval(copies, count)
        rate = {"value": copies / count, "low": low, "high": high}
        expected = chance_of_copies(level, held_out=held_out.people, samples=count)
        chance = dict(zip(("value", "low", "high"), expected, strict=True))
    sides = np.array([one["codes"]["block"] for one in results])
    shares = np.array([one["sources"][0]["share"] if one["sources"] else 0 for one in results])
    return {
        "rate": rate,
        "chance": chance,
        "level": level,
        "smallest_p": smallest_p(held_out.people),
        **({"refused": refused} if refused else {}),
        "n": count,
        "held_out_people": held_out.people,
        "longest_block": {"mean": float(sides.mean()), "held_out_mean": float(held_out.block_sides.mean())},
        "largest_share": {"mean": float(shares.mean()), "held_out_mean": float(held_out.top_shares.mean())},
    }


def _result(
    auditor: Auditor, finding: Finding, file: str, p: Mapping[str, float], level: float | None
) -> dict[str, Any]:
    training, match, near = auditor.training, finding.match, finding.neighbors
    held_out = near.held_out.row - auditor.index.training
    block_row = auditor.code_row(match)
    names = dict(zip(training.people.tolist(), training.subjects, strict=True))
    return {
        "file": file,
        "nearest": training.files[near.training.row],
        "p": p["all"],
        "copy": None if level is None else bool(p["all"] <= level + 1e-12),
        "subject": training.subjects[near.training.row],
        "pixels": {**_neighbor(near.training), "p": p["pixels"]},
        "features": {
            "similarity": round(near.similarity, 4),
            "file": training.files[near.feature_row],
            "p": p["features"],
        },
        "codes": {
            "block": match.block.side,
            "bits": round(match.block.weight, 1),
            "file": training.files[block_row],
            "subject": training.subjects[block_row],
            "place": [match.block.row, match.block.column],
            "shift": list(match.shift),
            "mirrored": match.row >= len(training),
            "p": p["codes"],
        },
        "held_out": {"file": auditor.held_out.files[held_out], **_neighbor(near.held_out)},
        "sources": [
            {"subject": names[person], "share": round(share, 4)}
            for person, share in list(match.shares().items())[:SOURCES_SHOWN]
            if share >= SMALLEST_SHARE
        ],
    }


def _neighbor(neighbor: Neighbor) -> dict[str, Any]:
    return {
        "correlation": round(neighbor.correlation, 4),
        "mirrored": neighbor.mirrored,
        "shift": [round(one, 1) for one in neighbor.shift],
    }
