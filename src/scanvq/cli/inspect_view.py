"""A fingerprint as lines that a person reads."""

from __future__ import annotations

from typing import Any

SIZES_SHOWN = 5
VALUES_SHOWN = 8


def lines_of(found: dict[str, Any]) -> list[str]:
    """What `scanvq data inspect` prints."""
    lines = [
        f"{found['folder']}: {found['layout']}",
        f"  {found['files']:,} files, {found['slices']:,} slices, {found['subjects']:,} subjects"
        + (f" in {found['groups']:,} groups" if found["groups"] != found["subjects"] else ""),
    ]
    if found["slices"] != found["slices_in_files"] or found["slices_estimated"]:
        lines.append(
            f"  of {found['slices_in_files']:,} slices in the files, by slices={found['slices_chosen']}"
            + ("; estimated by those of a few files" if found["slices_estimated"] else "")
        )
    if many := found["slices_a_subject"]:
        lines.append(f"  slices a subject: {many['fewest']:,} to {many['most']:,}, median {many['median']:g}")
    for split, counts in found["splits"].items():
        lines.append(
            f"  {split}: {counts['slices']:,} slices of {counts['files']:,} files, "
            f"{counts['subjects']:,} subjects"
        )
    lines.append("  who is who (wrong? --set data.subject=PATTERN, or a subjects.csv):")
    for one in found["who"]:
        group = f", group {one['group']}" if one["group"] != one["subject"] else ""
        label = f", {one['label']}" if one["label"] is not None else ""
        split = one["split"] or "not split yet"
        lines.append(f"    {one['path']} -> {one['subject']} ({split}{label}{group})")
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
    lines += [f"  odd: {odd}" for odd in found["odd"]]
    return lines


def condition_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """What `scanvq data inspect` prints of the conditions that a recipe may name: a line each."""
    lines = ["  conditions (use some: --set 'data.conditions=[\"NAME\"]'):"] if found else []
    for name, one in found.items():
        if one["kind"] == "number":
            reported = f"{one['low']:g} to {one['high']:g}"
        else:
            shown = list(one["values"].items())
            rest = f", and {len(shown) - VALUES_SHOWN} more" if len(shown) > VALUES_SHOWN else ""
            reported = ", ".join(f"{value} ({files:,})" for value, files in shown[:VALUES_SHOWN]) + rest
        subjects = f" of {one['subjects']:,} subjects" if "subjects" in one else ""
        lines.append(f"    {name}, {one['kind']}: {reported}; of {one['files']:,} files{subjects}")
    return lines
