"""A completed recipe: the settings of every part, and the description of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, overload

import tomlkit

from scanvq.settings import (
    DataSettings,
    DecoderStageSettings,
    PreparationSettings,
    SamplingSettings,
    StageSettings,
    TokenizerStageSettings,
)

STAGES: Mapping[str, type[StageSettings]] = {
    "tokenizer": TokenizerStageSettings,
    "prior": StageSettings,
    "decoder": DecoderStageSettings,
}
"""The settings of every stage; a recipe without `decoder` has no stage of that name."""

S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A completed recipe: every setting of every part has its value.

    Attributes:
        about: name, summary, `source` (report, paper, what is assumed), `expect` (reported numbers), `plan`.
        sections: the completed settings, as plain tables.
    """

    about: Mapping[str, Any]
    sections: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.about["name"])

    @property
    def data(self) -> DataSettings:
        return _settings(DataSettings, self.sections["data"])

    @property
    def preparation(self) -> PreparationSettings:
        return _settings(PreparationSettings, self.sections["preparation"])

    @property
    def tokenizer(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.sections["tokenizer"]
        return spec

    @property
    def prior(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.sections["prior"]
        return spec

    @property
    def global_code(self) -> Mapping[str, int]:
        """The number of values of each global code, see `scanvq.settings.GlobalCodeSettings`."""
        sizes: Mapping[str, int] = self.sections["global_code"]
        return sizes

    @property
    def decoder(self) -> Mapping[str, Any] | None:
        """The spec of the decoder of created images; None for the tokenizer's alone."""
        spec: Mapping[str, Any] | None = self.sections.get("decoder")
        return spec

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that are trained, in the order of `STAGES`."""
        return tuple(stage for stage in STAGES if stage in self.sections["training"])

    @property
    def sampling(self) -> SamplingSettings:
        return _settings(SamplingSettings, self.sections["sampling"])

    @overload
    def stage(self, name: Literal["tokenizer"]) -> TokenizerStageSettings: ...

    @overload
    def stage(self, name: Literal["decoder"]) -> DecoderStageSettings: ...

    @overload
    def stage(self, name: str) -> StageSettings: ...

    def stage(self, name: str) -> StageSettings:
        """The settings of one of `stages`."""
        return _settings(STAGES[name], self.sections["training"][name])

    def objective(self, name: str) -> Mapping[str, Any]:
        """The spec of a stage's objective."""
        spec: Mapping[str, Any] = self.sections["training"][name]["objective"]
        return spec

    def anonymous(self) -> Recipe:
        """The recipe without what may name scans: the folder of its plan, and the pattern of subjects."""
        about = {key: value for key, value in self.about.items() if key != "plan"}
        data = {**self.sections["data"], "subject": ""}
        return replace(self, about=about, sections={**self.sections, "data": data})

    def toml(self) -> str:
        """The complete recipe as TOML; `read_recipe` gives an equal recipe back."""
        return tomlkit.dumps({**self.about, **self.sections})


def _settings(maker: type[S], table: Mapping[str, Any]) -> S:
    """A completed table as its settings object; a list becomes a tuple as in the signature."""
    return maker(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
