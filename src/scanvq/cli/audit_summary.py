"""The result of a memorization audit as lines of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def audit_line(found: Mapping[str, Any], *, file: str = "audit.json") -> str:
    """One line, as `scanvq sample` prints it.

    Args:
        found: the content of audit.json.
        file: its name.
    """
    if found["level"] is None:
        return f"audit: no verdict, {found['refused']}; nearest training scans in {file}"
    copies = sum(bool(one["copy"]) for one in found["samples"])
    return (
        f"audit: {copies} of {found['n']} samples look like copies (level {found['level']:g}, "
        f"{found['held_out_people']} held-out people); nearest training scans in {file}"
    )


def audit_summary(found: Mapping[str, Any]) -> list[str]:
    """The rate beside chance, how near samples are to training people, and the most suspicious ones."""
    lines = [audit_line(found)]
    if found["level"] is not None:
        rate, chance = found["rate"], found["chance"]
        lines.append(f"  rate of copies {_percent(rate)}; images of new people would have {_percent(chance)}")
    if "nearer_to_training" in found:
        near = found["nearer_to_training"]
        lines.append(
            f"  nearer to training than to as many held-out people: {near['value']:.3f} "
            f"(expected 0.5; by chance {near['low']:.3f} to {near['high']:.3f})"
        )
    block, share = found["longest_block"], found["largest_share"]
    lines.append(
        f"  largest block of codes of one training scan: {block['mean']:.1f} cells a side on average "
        f"(held-out people {block['held_out_mean']:.1f}); largest share of one patient "
        f"{share['mean']:.1%} (held-out people {share['held_out_mean']:.1%})"
    )
    suspicious = sorted(found["samples"], key=lambda one: (one["p"], -one["pixels"]["correlation"]))
    for one in suspicious[:3]:
        sources = ", ".join(f"{source['subject']} {source['share']:.0%}" for source in one["sources"][:3])
        lines.append(
            f"  {one['file']}: p {one['p']:.3f}, correlation {one['pixels']['correlation']:.2f} with "
            f"{one['nearest']}; codes of {sources or 'nobody'}"
        )
    return lines


def _percent(rate: Mapping[str, Any]) -> str:
    return f"{rate['value']:.1%} [{rate['low']:.1%} to {rate['high']:.1%}]"
