"""What the JSON files of a run directory must hold, checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat


class Record(BaseModel):
    """A JSON object with the fields that readers need; it may have more."""

    model_config = ConfigDict(extra="allow", strict=True)


class Score(Record):
    """A number with its interval and the reason why it has none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    bad: dict[str, float | None] = {}
    note: str = ""
    refused: str = ""


def _scores_are_typed(value: dict[str, Any]) -> dict[str, Any]:
    """Every object with a "value", at any depth, is a score. Groups may have any name, such as "value"."""
    for name, part in value.items():
        if not isinstance(part, Mapping):
            continue
        source = part.get("source", {})
        if not isinstance(source, Mapping) or ("form" in source and "model" not in source):
            raise ValueError(f"the source of {name} names no model")
        if not isinstance(part.get("n", 0), (int, Mapping)):
            raise ValueError(f"n of {name} is no number")
        if "value" in part and not isinstance(part["value"], Mapping):
            Score.model_validate(part)
        else:
            _scores_are_typed(dict(part))
    return value


Scores = Annotated[dict[str, Any], AfterValidator(_scores_are_typed)]


class Summary(Record):
    """The distribution of a score over images, and the shares above thresholds."""

    __pydantic_extra__: dict[str, float]

    mean: float
    std: float
    p05: float
    median: float
    p95: float
    low: float | None = None
    high: float | None = None
    note: str = ""


class TestImages(Record):
    """Scores of the reconstructions, by name."""

    __pydantic_extra__: dict[str, Summary | dict[str, Summary]]

    n: int = Field(ge=1)
    subjects: int = Field(ge=1)


class Codebook(Record):
    """The use of a codebook."""

    size: int
    used: int
    perplexity: float


class TokenizerScores(Record):
    """Of metrics.json."""

    test: TestImages
    bits_per_pixel: FiniteFloat
    codebook: list[Codebook] = Field(min_length=1)
    groups: dict[str, Any] = {}


class PriorTest(Record):
    """Of metrics.json."""

    n: int
    bits_per_code: float
    bits_per_pixel: float


class PriorScores(Record):
    """Of metrics.json."""

    test: PriorTest | None


class LeakCounts(Record):
    """Of metrics.json."""

    pairs: int
    unchecked: str
    unmatched: str


class WholeCost(Record):
    """Of a whole run, in cost.json and metrics.json."""

    minutes: float
    memory_mb: float
    disk_mb: float


class StageCost(Record):
    """Of a stage, in metrics.json."""

    seconds: float
    images_per_second: float
    peak_memory_mb: float


class Cost(Record):
    """cost.json, and a part of metrics.json."""

    __pydantic_extra__: dict[str, StageCost]

    estimated: WholeCost | None = None
    measured: WholeCost | None = None


class Metrics(Record):
    """metrics.json: scores of the run, and of its samples."""

    tokenizer: TokenizerScores
    prior: PriorScores
    rate: dict[str, Score] = {}
    leak: LeakCounts
    cost: Cost = Field(default_factory=lambda: Cost.model_validate({}))
    samples: Scores = {}


class AuditedSample(Record):
    """The nearest training scan of a created one."""

    file: str
    nearest: str
    p: float | None
    copy_: bool | None = Field(alias="copy")


class Audit(Record):
    """audit.json: which created scans copy training scans."""

    rate: Score
    samples: list[AuditedSample]
    source: dict[str, Any]
    complete: bool


class HistoryRecord(Record):
    """The values of a step."""

    step: int
    epoch: float
    seconds: float
    split: Literal["train", "validation"]


class History(Record):
    """history.json of a stage."""

    elapsed: FiniteFloat
    images: int
    peak_memory_mb: FiniteFloat
    history: list[HistoryRecord]


class TestScores(Record):
    """test_scores.json: the score of each test image."""

    rows: list[int]
    ssim: list[float]
    usage: list[list[int]]


class Geometry(Record):
    """The size of an image."""

    height: int
    width: int


class SplitCounts(Record):
    """Of data.json."""

    train: int
    validation: int
    test: int


class NativeFormat(Geometry):
    """The size and spacing of created images."""

    spacing: Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)] | None = None


class Preparation(Record):
    """Of data.json."""

    geometry: Geometry
    native: NativeFormat | None = None


class Leak(Record):
    """Of data.json."""

    model_config = ConfigDict(extra="forbid", strict=True)

    first: str
    second: str
    splits: Annotated[list[str], Field(min_length=2, max_length=2)]
    subjects: Annotated[list[str], Field(min_length=2, max_length=2)]
    slices: int = 0
    correlation: float | None = None


class Data(Record):
    """data.json, as far as it is shown; `scanvq.store.run_data.DataRecord` has what training needs."""

    folder: str
    layout: str
    labels: list[str]
    notes: list[str]
    skipped: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    leaks: list[Leak] = []
    slices: SplitCounts
    subjects: SplitCounts
    preparation: Preparation
    content: str
    test_content: str = ""
    entries: list[Annotated[list[str | None], Field(min_length=5, max_length=5)]]


class Fingerprint(Record):
    """fingerprint.json, as far as it is shown."""

    odd: list[str] = []


class Environment(Record):
    """environment.json."""

    command: str = ""
    packages: dict[str, str] = {}


class RateDistortion(Record):
    """rate_distortion.json: image codecs beside the run."""

    source: dict[str, Any]
    codecs: dict[str, Any] = {}


class Interval(Record):
    """references.json: floors of the scores of samples."""

    floor: dict[str, Any]
    bad: dict[str, Any]
    floor_interval: dict[str, Annotated[list[float | None], Field(min_length=2, max_length=2)]]


RECORDS: dict[str, Any] = {
    "metrics": Metrics,
    "audit": Audit,
    "history": History,
    "test_scores": TestScores,
    "data": Data,
    "environment": Environment,
    "rate_distortion": RateDistortion,
    "references": Interval,
    "cost": Cost,
    "card": dict[str, str],
    "fingerprint": Fingerprint,
}
"""By the name of the file up to "-" or ".json"; files on another folder of scans have its name behind it."""


def record_of(name: str) -> Any:
    """The type of a file of a run, by its name; Any for a file that others check."""
    return RECORDS.get(name.removesuffix(".json").partition("-")[0], Any)
