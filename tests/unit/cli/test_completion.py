"""The Tab key: completion can be installed, and knows commands and options."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from scanvq.cli.main import app


@pytest.mark.parametrize(
    ("typed", "expected"), [("scanvq in", ["inpaint"]), ("scanvq sample --per", ["--per-label"])]
)
def test_what_is_typed_is_completed(typed: str, expected: list[str]) -> None:
    asked = {
        "_SCANVQ_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = CliRunner().invoke(app, [], prog_name="scanvq", env=asked)
    assert done.stdout.split() == expected


def test_it_can_be_installed_and_shown() -> None:
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    assert "--install-completion" in said
    assert "--show-completion" in said
