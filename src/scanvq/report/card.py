"""The model card of a run, RUN/README.md, in the format of Hugging Face: from measured values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from typing import Any

from scanvq.evaluation.score_names import COMPARISON_NAMES, score_name, scores_of
from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.cautions import cautions
from scanvq.report.kind_names import kind_name
from scanvq.report.report_data import ReportData
from scanvq.report.tables.markdown import markdown
from scanvq.report.tables.run_tables import bits_per_pixel, run_tables
from scanvq.report.templates.rendering import render
from scanvq.storage.run_directory import RunDirectory

UNKNOWN = "unknown"
MARK = (
    "<!-- Written by `scanvq report`. Delete this line to keep your own edits: it is then left as it is. -->"
)


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What only the user of a run knows, in RUN/card.json.

    Attributes:
        license: of the model, such as cc-by-4.0.
        dataset: name of the data set, such as its id at Hugging Face.
        data_license: license or data use agreement of the data.
        consent: on what the use of the data rests, such as informed consent or an ethics approval.
        deidentified: how the scans were de-identified.
    """

    license: str = UNKNOWN
    dataset: str = UNKNOWN
    data_license: str = UNKNOWN
    consent: str = UNKNOWN
    deidentified: str = UNKNOWN

    @classmethod
    def read(cls, directory: RunDirectory) -> CardFacts:
        """Those of a run; all unknown where nothing was given. Raises ValueError for an unknown key."""
        if not directory.card_facts.is_file():
            return cls()
        stored = directory.read(directory.card_facts)
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(stored) - set(known)):
            raise ValueError(
                f"{directory.card_facts} has {', '.join(unknown)}; a card knows {', '.join(known)}: remove it"
            )
        return cls(**stored)

    def updated(self, changes: Mapping[str, str | None]) -> CardFacts:
        """These facts with those of `changes` that are not None."""
        return replace(self, **{name: text for name, text in changes.items() if text is not None})

    def write(self, directory: RunDirectory) -> None:
        directory.write(directory.card_facts, asdict(self))


def has_own_edits(directory: RunDirectory) -> bool:
    """Whether the card was edited by hand, so that it must be left as it is."""
    return directory.card.is_file() and MARK not in directory.card.read_text(encoding="utf-8")


def model_card(report_data: ReportData, facts: CardFacts) -> str:
    """The card: YAML front matter and Markdown. It names no file and no subject.

    Args:
        report_data: of the run.
        facts: what the user knows.
    """
    import yaml

    if facts.license == UNKNOWN and "license" in report_data.source:
        facts = replace(facts, license=report_data.source["license"])
    matter = yaml.safe_dump(front_matter(report_data, facts), sort_keys=False, allow_unicode=True, width=100)
    tables = run_tables(report_data)
    values = {
        "report": report_data,
        "facts": facts,
        "mark": MARK,
        "tables": tables,
        "markdown": markdown,
        "cautions": [one for one in cautions(report_data) if not one.names_files],
        "kind_name": kind_name,
        "version": version("scanvq"),
    }
    return f"---\n{matter}---\n{render('card.md', values)}"


def front_matter(report_data: ReportData, facts: CardFacts) -> dict[str, Any]:
    """The YAML of the card; what is not known stands there as unknown."""
    model, data = report_data.model, report_data.data
    has_prior = model is not None and bool(model.prior)
    kinds = [] if model is None else [model.tokenizer, *(model.prior.split("+") if model.prior else ())]
    results = list(_results(report_data, facts))
    return {
        "license": facts.license,
        "library_name": "scanvq",
        "pipeline_tag": "unconditional-image-generation" if has_prior else "image-feature-extraction",
        "tags": ["medical-imaging", "discrete-latent", *(["synthetic-data"] if has_prior else []), *kinds],
        "datasets": [facts.dataset],
        "data_use": {
            "license": facts.data_license,
            "consent": facts.consent,
            "deidentified": facts.deidentified,
            "subjects": UNKNOWN if data is None else sum(subjects for _, subjects, _ in data.splits),
            "leaks": UNKNOWN if data is None else len(data.leaks),
            "memorization_audit": "not audited"
            if report_data.audit is None
            else f"{len(report_data.audit['samples'])} samples",
        },
        **({"model-index": [{"name": report_data.run, "results": results}]} if results else {}),
    }


def _results(report_data: ReportData, facts: CardFacts) -> Iterator[dict[str, Any]]:
    """Entries of the model index: one for each task."""
    metrics = report_data.metrics
    if metrics is None:
        return
    test = metrics["tokenizer"]["test"]
    dataset = {"name": f"{facts.dataset}, test split", "type": facts.dataset, "split": "test"}
    reconstruction = [
        _metric(name, score.label, values["mean"], n=test["n"], scores=values)
        for name, (score, values) in scores_in(test).items()
    ]
    reconstruction += [
        _metric(f"bits_per_pixel_{key}", f"bits per pixel, {key}", value, n=test["n"])
        for key, value in bits_per_pixel(metrics).items()
    ]
    yield {
        "task": {"type": "image-to-image", "name": "reconstruction"},
        "dataset": dict(dataset),
        "metrics": reconstruction,
    }
    created = []
    for name, title in COMPARISON_NAMES.items():
        comparison = metrics.get("samples", {}).get(name, {})
        for key, space, score in scores_of(comparison):
            if score["value"] is not None:
                label = f"{score_name(key).label}{f' ({space})' if space else ''}, {title.title}"
                kind = "_".join(part for part in (key, space, name) if part)
                created.append(_metric(kind, label, score["value"], n=comparison["n"], scores=score))
    if (prior := metrics["prior"]["test"]) is not None:
        created.append(_metric("bits_per_code", "bits per code", prior["bits_per_code"], n=prior["n"]))
    if report_data.audit is not None and report_data.audit["rate"]["value"] is not None:
        rate, count = report_data.audit["rate"], len(report_data.audit["samples"])
        created.append(_metric("copies", "rate of copies", rate["value"], n=count, scores=rate))
    if created:
        yield {
            "task": {"type": "unconditional-image-generation", "name": "created scans"},
            "dataset": dict(dataset),
            "metrics": created,
        }


def _metric(
    kind: str, name: str, value: float, *, n: int, scores: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    known = {key: scores[key] for key in ("low", "high", "floor") if key in scores} if scores else {}
    arguments = {"n": n, **{key: _rounded(bound) for key, bound in known.items() if bound is not None}}
    return {"type": kind, "name": name, "value": _rounded(value), "args": arguments}


def _rounded(value: float) -> float:
    """Five significant digits, as a plain number for YAML."""
    return float(f"{value:.5g}")
