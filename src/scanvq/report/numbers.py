"""Numbers and texts of the page from the files of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.report_data import Comparison, DataFacts
from scanvq.store.leakage import Leak
from scanvq.store.run_data import SPLITS

Records = Sequence[Mapping[str, Any]]


def data_facts(record: Mapping[str, Any], *, odd: Sequence[str] = ()) -> DataFacts:
    """The facts in data.json, and what is odd about the files (of fingerprint.json)."""
    geometry = record["preparation"]["geometry"]
    leaks = [Leak.from_dict(leak) for leak in record.get("leaks", ())]
    return DataFacts(
        folder=record["folder"],
        layout=record["layout"],
        splits=tuple((split, record["subjects"][split], record["slices"][split]) for split in SPLITS),
        labels=tuple(record["labels"]),
        size=(geometry["height"], geometry["width"]),
        notes=tuple(record["notes"]),
        skipped=tuple((path, reason) for path, reason in record["skipped"]),
        leaks=tuple(str(leak) for leak in leaks),
        leaks_into_test=any("test" in leak.splits for leak in leaks),
        odd=tuple(odd),
    )


def comparisons(
    expect: Mapping[str, Any],
    *,
    metrics: Mapping[str, Any] | None,
    histories: Mapping[str, Records],
    parameters: Mapping[str, Mapping[str, int]],
) -> tuple[Comparison, ...]:
    """The reported numbers of the recipe, each with the same number of this run if it is measured.

    Args:
        expect: that table of the recipe.
        metrics: the content of metrics.json, or None.
        histories: records of each stage.
        parameters: number of parameters of each part, by model.
    """
    measured = _measured_numbers(metrics, histories, parameters)
    return tuple(
        Comparison(name=name.replace("_", " "), reported=number(value), ours=number(measured.get(name)))
        for name, value in expect.items()
        if isinstance(value, int | float)
    )


def reproduce_command(settings: Mapping[str, Any], *, recipe: str) -> str:
    """The `fit` command that reproduces the run.

    Args:
        settings: the content of run.json.
        recipe: file of the complete recipe.
    """
    arguments = ["scanvq", "fit", str(settings["folder"]), "--recipe", recipe, "--out", "again"]
    if settings.get("budget") is not None:
        arguments += ["--budget", f"{settings['budget']:g}s"]
    if settings.get("epochs") is not None:
        arguments += ["--epochs", str(settings["epochs"])]
    arguments += ["--seed", str(settings["seed"])]
    if settings.get("skip_bad"):
        arguments.append("--skip-bad")
    if settings.get("allow_leak"):
        arguments.append("--allow-leak")
    return shlex.join(arguments)


def environment_facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Names and values of environment.json, packages first."""
    facts = {"Python": str(environment.get("python", ""))}
    facts |= {name: str(version) for name, version in environment.get("packages", {}).items()}
    for name in ("device", "processor", "cores", "threads", "processes", "memory_gb", "system"):
        if name in environment:
            facts[name.replace("_gb", " (GB)")] = str(environment[name])
    return {name: value for name, value in facts.items() if value}


def source_facts(source: Mapping[str, Any]) -> dict[str, str]:
    """The source of a recipe, without its assumptions."""
    return {
        name.replace("_", " "): ("x" if name == "image_size" else ", ").join(map(str, value))
        if isinstance(value, list)
        else str(value)
        for name, value in source.items()
        if name != "assumed"
    }


def number(value: float | None) -> str:
    """A number as text: integers in full, others with four significant digits; "" for None."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) >= 1:
        return f"{int(value):,}"
    return f"{value:.4g}"


def _measured_numbers(
    metrics: Mapping[str, Any] | None,
    histories: Mapping[str, Records],
    parameters: Mapping[str, Mapping[str, int]],
) -> dict[str, float]:
    measured: dict[str, float] = {}
    for stage, prefix in (("prior", "prior_"), ("decoder", "decoder_"), ("tokenizer", "")):
        for split, split_label in (("train", "training"), ("validation", "validation")):
            records = [record for record in histories.get(stage, ()) if record["split"] == split]
            for name, value in (records[-1] if records else {}).items():
                if isinstance(value, int | float):
                    measured[f"{prefix}{split_label}_{name}"] = value
    for model, parts in parameters.items():
        measured[f"{model}_parameters"] = sum(parts.values())
    if "tokenizer" in parameters:
        measured["parameters"] = measured["tokenizer_parameters"]
    if metrics is None:
        return measured
    for name, (_, values) in scores_in(metrics["tokenizer"]["test"]).items():
        measured[name] = measured[f"test_{name}"] = values["mean"]
        shares = {key: value for key, value in values.items() if key.startswith("above_")}
        measured |= {f"{name}_{key}": value for key, value in shares.items()}
        if name == "ssim":
            measured |= shares  # recipes name the share of SSIM "above_0.6", too
    measured["bits_per_pixel"] = metrics["tokenizer"]["bits_per_pixel"]
    measured |= {
        f"{name}_bits_per_pixel": rate["value"]
        for name, rate in metrics.get("rate", {}).items()
        if rate["value"] is not None
    }
    measured["perplexity"] = metrics["tokenizer"]["codebook"][-1]["perplexity"]
    if metrics["prior"]["test"] is not None:
        bits = metrics["prior"]["test"]["bits_per_code"]
        measured |= {"bits_per_code": bits, "bits_per_dimension": bits}
    return measured
