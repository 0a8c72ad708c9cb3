"""Whether runs were tested on the same images."""

from __future__ import annotations

from collections.abc import Sequence

from scanvq.comparison.compared_run import ComparedRun


class DifferentTestSets(ValueError):  # noqa: N818 - it names what is wrong, as a user reads it
    """The runs have different test sets, so that their scores cannot be compared."""


def ids_of_test_sets(runs: Sequence[ComparedRun]) -> list[str]:
    """The id of the test set of each run: equal for equal images.

    The test images themselves decide where every run has recorded their digest. Else all images and the
    names of the test files do, which is stricter: runs trained on other people then differ, too.
    """
    recorded = all(run.test_content for run in runs)
    return [run.test_content if recorded else run.test_files for run in runs]


def check_test_sets(runs: Sequence[ComparedRun]) -> None:
    """Raises DifferentTestSets unless all runs have one test set; the message names the sets."""
    ids = ids_of_test_sets(runs)
    groups = {one: [run for run, other in zip(runs, ids, strict=True) if other == one] for one in ids}
    if len(groups) < 2:
        return
    sets = "; ".join(
        f"{', '.join(run.name for run in group)}: {one} ({group[0].test_counts[1]:,} slices of "
        f"{group[0].test_counts[0]:,} subjects of {group[0].folder})"
        for one, group in groups.items()
    )
    raise DifferentTestSets(
        f"these runs have {len(groups)} test sets, so their scores cannot be compared. {sets}. Compare "
        f"runs of "
        "one set, evaluate them on the same scans, or only list them by --list"
    )
