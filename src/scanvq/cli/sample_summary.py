"""The scores of created scans as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanvq.evaluation.score_names import COMPARISON_NAMES, SCORE_NAMES

TITLES = {name: f"{one.title} ({one.fault})" for name, one in COMPARISON_NAMES.items()}
SCORES = {key: name.label for key, name in SCORE_NAMES.items() if key != "band_error"}
"""What metrics.json calls a score, and what it is called here."""

SHORT = ("auc", "frechet")
BRACKETS = "in brackets the 95 % interval and the floor: the same of real against real scans"
TRAINED = {"balanced_accuracy": "balanced accuracy", "auc": "AUC"}


def sample_summary(scores: Mapping[str, Any]) -> list[str]:
    """One line for each score of each comparison: value, 95 % interval and floor in every space.

    Then one line for each group of a condition, and for each training on samples.

    Args:
        scores: the form of `samples` in metrics.json.
    """
    lines = []
    for name, title in TITLES.items():
        comparison = scores[name]
        decoder = comparison["source"].get("decoder", "faithful")
        lines.append(f"{title}, {comparison['n']} images each, {decoder} decoder:")
        for key, label in SCORES.items():
            if key in comparison:
                lines.append(f"  {label:<16} {_in_spaces(comparison[key])}")
    for condition, groups in scores.get("groups", {}).items():
        lines.append(f"samples against real scans by {condition}:")
        lines += [f"  {group}: {_group_text(found)}" for group, found in groups.items()]
    for condition, found in scores.get("train_on_samples", {}).items():
        lines += _training_lines(condition, found)
    if "regions" in scores:
        lines += _region_lines(scores["regions"])
    lines += _doubts(scores)
    lines.append(BRACKETS)
    lines.append("a kernel distance is an estimate without bias: below 0 it found no difference")
    return lines


def short_summary(scores: Mapping[str, Any]) -> list[str]:
    """AUC and Frechet distance of each comparison, a line each.

    Args:
        scores: the form of `samples` in metrics.json.
    """
    lines = []
    for name, title in TITLES.items():
        texts = [f"{SCORES[key]} {_in_spaces(scores[name][key])}" for key in SHORT]
        lines += [f"{title}, {scores[name]['n']} images each:", *(f"  {text}" for text in texts)]
    return [*lines, *_doubts(scores), BRACKETS]


def _in_spaces(found: Mapping[str, Any]) -> str:
    spaces = {"": found} if "value" in found else found
    return "; ".join(f"{space} {_number(score)}".strip() for space, score in spaces.items())


def _group_text(found: Mapping[str, Any]) -> str:
    if "refused" in found:
        return f"refused ({found['refused']})"
    texts = [f"{SCORES[key]} {_in_spaces(found['samples_vs_reals'][key])}" for key in SHORT]
    return f"{found['n']} images each: {', '.join(texts)}"


def _training_lines(condition: str, found: Mapping[str, Any]) -> Iterator[str]:
    if "refused" in found:
        yield f"trained on samples to tell {condition}: refused ({found['refused']})"
        return
    yield (
        f"trained to tell {condition} on {found['n']} samples, and on as many real scans; tested on "
        f"{found['n_test']} real scans:"
    )
    for key, label in TRAINED.items():
        texts = [
            f"{space} {_interval(score['samples'])}, on real scans {_interval(score['reals'])}"
            for space, score in found[key].items()
        ]
        yield f"  {label:<16} {'; '.join(texts)}"


def _region_lines(found: Mapping[str, Any]) -> Iterator[str]:
    if "refused" in found:
        yield f"sizes of regions: refused ({found['refused']})"
        return
    yield "distance of the sizes of regions in samples and in real scans, in standard deviations of these:"
    for label, score in found["labels"].items():
        refused = score.get("refused")
        text = f"refused ({refused})" if refused else _number(score["size"])
        yield f"  label {label}: {text}"


def _doubts(scores: Mapping[str, Any]) -> list[str]:
    """One line for each classifier whose references say that it does not count."""
    notes = {
        f"note, AUC {space}: {score['note']}"
        for name in TITLES
        for space, score in scores[name]["auc"].items()
        if "note" in score
    }
    return sorted(notes)


def _number(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return f"refused ({score['refused']})"
    floor = "none" if score["floor"] is None else _short(score["floor"])
    low, high = score["low"], score["high"]
    interval = "no interval" if low is None else f"{_short(low)} to {_short(high)}"
    return f"{_short(score['value'])} [{interval}; {floor}]"


def _interval(score: Mapping[str, Any]) -> str:
    return f"{_short(score['value'])} [{_short(score['low'])} to {_short(score['high'])}]"


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
