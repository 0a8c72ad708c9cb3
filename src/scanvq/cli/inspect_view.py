"""A fingerprint of a data set as lines of text."""

from __future__ import annotations

from typing import Any

SIZES_SHOWN = 5
VALUES_SHOWN = 8


def fingerprint_lines(found: dict[str, Any]) -> list[str]:
    """The lines of `scanvq data inspect`."""
    lines = [
        f"{found['folder']}: {found['layout']}",
        f"  {found['files']:,} files, {found['slices']:,} slices, {found['subjects']:,} subjects"
        + (f" in {found['groups']:,} groups" if found["groups"] != found["subjects"] else ""),
    ]
    if found["slices"] != found["slices_in_files"] or found["slices_estimated"]:
        lines.append(
            f"  of {found['slices_in_files']:,} slices in the files, by slices={found['slices_chosen']}"
            + ("; estimated from a few files" if found["slices_estimated"] else "")
        )
    if counts := found["slices_a_subject"]:
        lines.append(
            f"  slices per subject: {counts['fewest']:,} to {counts['most']:,}, median {counts['median']:g}"
        )
    for split, counts in found["splits"].items():
        lines.append(
            f"  {split}: {counts['slices']:,} slices of {counts['files']:,} files, "
            f"{counts['subjects']:,} subjects"
        )
    lines.append("  subject identification (if wrong: --set data.subject=PATTERN, or a subjects.csv):")
    for example in found["who"]:
        group = f", group {example['group']}" if example["group"] != example["subject"] else ""
        label = f", {example['label']}" if example["label"] is not None else ""
        split = example["split"] or "not split yet"
        lines.append(f"    {example['path']} -> {example['subject']} ({split}{label}{group})")
    for title in ("labels", "formats", "orientations", "types", "sizes", "spacings"):
        if found[title]:
            shown = list(found[title].items())
            rest = f", and {len(shown) - SIZES_SHOWN} more" if len(shown) > SIZES_SHOWN else ""
            lines.append(f"  {title}: " + ", ".join(f"{k} ({v:,})" for k, v in shown[:SIZES_SHOWN]) + rest)
    if found["intensities"]:
        values = found["intensities"]
        lines.append(
            f"  intensities: {values['minimum']:g} to {values['maximum']:g}, median {values['p50']:g}, "
            f"99.9th percentile {values['p99.9']:g}; {values['foreground']:.0%} foreground"
        )
    if box := found["foreground_box"]:
        lines.append(
            f"  foreground within rows {box['top']:.0%} to {box['bottom']:.0%}, "
            f"columns {box['left']:.0%} to {box['right']:.0%}"
        )
    lines += [f"  note: {note}" for note in found["notes"]]
    lines += [f"  warning: {warning}" for warning in found["odd"]]
    return lines


def condition_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """The lines of `scanvq data inspect` on the conditions that a recipe can use, one per condition."""
    lines = ["  conditions (to use: --set 'data.conditions=[\"NAME\"]'):"] if found else []
    for name, condition in found.items():
        if condition["kind"] == "number":
            values = f"{condition['low']:g} to {condition['high']:g}"
        else:
            shown = list(condition["values"].items())
            rest = f", and {len(shown) - VALUES_SHOWN} more" if len(shown) > VALUES_SHOWN else ""
            values = ", ".join(f"{value} ({files:,})" for value, files in shown[:VALUES_SHOWN]) + rest
        subjects = f" of {condition['subjects']:,} subjects" if "subjects" in condition else ""
        lines.append(f"    {name}, {condition['kind']}: {values}; of {condition['files']:,} files{subjects}")
    return lines
