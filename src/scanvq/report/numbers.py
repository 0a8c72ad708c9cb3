"""The numbers and texts of a page that the run's files hold."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from scanvq.report.report_data import Comparison, DataFacts
from scanvq.store.leakage import Leak
from scanvq.store.run_data import SPLITS

Records = Sequence[Mapping[str, Any]]


def data_facts(record: Mapping[str, Any]) -> DataFacts:
    """What data.json tells."""
    geometry = record["preparation"]["geometry"]
    return DataFacts(
        folder=record["folder"],
        layout=record["layout"],
        splits=tuple((split, record["subjects"][split], record["slices"][split]) for split in SPLITS),
        labels=tuple(record["labels"]),
        size=(geometry["height"], geometry["width"]),
        notes=tuple(record["notes"]),
        skipped=tuple((path, reason) for path, reason in record["skipped"]),
        leaks=tuple(str(Leak.from_dict(leak)) for leak in record.get("leaks", ())),
    )


def comparisons(
    expect: Mapping[str, Any],
    *,
    metrics: Mapping[str, Any] | None,
    histories: Mapping[str, Records],
    parameters: Mapping[str, Mapping[str, int]],
) -> tuple[Comparison, ...]:
    """The recipe's reported numbers, each beside ours where we measure the same thing.

    Args:
        expect: the recipe's table of that name.
        metrics: the content of metrics.json, or None.
        histories: stage to its records.
        parameters: model to its parts' parameters.
    """
    ours = _our_numbers(metrics, histories, parameters)
    return tuple(
        Comparison(name=name.replace("_", " "), reported=number(value), ours=number(ours.get(name)))
        for name, value in expect.items()
        if isinstance(value, int | float)
    )


def repeat_command(settings: Mapping[str, Any], *, recipe: str) -> str:
    """The `fit` that makes the run again.

    Args:
        settings: the content of run.json.
        recipe: file with every setting.
    """
    words = ["scanvq", "fit", str(settings["folder"]), "--recipe", recipe, "--out", "again"]
    if settings.get("budget") is not None:
        words += ["--budget", f"{settings['budget']:g}s"]
    if settings.get("epochs") is not None:
        words += ["--epochs", str(settings["epochs"])]
    words += ["--seed", str(settings["seed"])]
    if settings.get("skip_bad"):
        words.append("--skip-bad")
    if settings.get("allow_leak"):
        words.append("--allow-leak")
    return shlex.join(words)


def environment_facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """environment.json as name and value, packages first."""
    facts = {"Python": str(environment.get("python", ""))}
    facts |= {name: str(version) for name, version in environment.get("packages", {}).items()}
    for name in ("device", "processor", "cores", "threads", "processes", "memory_gb", "system"):
        if name in environment:
            facts[name.replace("_gb", " (GB)")] = str(environment[name])
    return {name: value for name, value in facts.items() if value}


def source_facts(source: Mapping[str, Any]) -> dict[str, str]:
    """What a recipe follows, less what it assumes."""
    return {
        name.replace("_", " "): ("x" if name == "image_size" else ", ").join(map(str, value))
        if isinstance(value, list)
        else str(value)
        for name, value in source.items()
        if name != "assumed"
    }


def number(value: float | None) -> str:
    """A number as a reader wants it: whole ones whole, others with four significant digits; "" for None."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) >= 1:
        return f"{int(value):,}"
    return f"{value:.4g}"


def _our_numbers(
    metrics: Mapping[str, Any] | None,
    histories: Mapping[str, Records],
    parameters: Mapping[str, Mapping[str, int]],
) -> dict[str, float]:
    ours: dict[str, float] = {}
    for stage, prefix in (("prior", "prior_"), ("tokenizer", "")):
        for split, word in (("train", "training"), ("validation", "validation")):
            records = [record for record in histories.get(stage, ()) if record["split"] == split]
            for name, value in (records[-1] if records else {}).items():
                if isinstance(value, int | float):
                    ours[f"{prefix}{word}_{name}"] = value
    for model, parts in parameters.items():
        ours[f"{model}_parameters"] = sum(parts.values())
    if "tokenizer" in parameters:
        ours["parameters"] = ours["tokenizer_parameters"]
    if metrics is None:
        return ours
    test = metrics["tokenizer"]["test"]
    ours |= {"ssim": test["ssim"]["mean"], "test_ssim": test["ssim"]["mean"], "psnr": test["psnr"]["mean"]}
    ours["mae"] = test["mae"]["mean"]
    ours["above_0.6"] = ours["ssim_above_0.6"] = test["ssim"]["above_0.6"]
    ours["bits_per_pixel"] = metrics["tokenizer"]["bits_per_pixel"]
    ours["perplexity"] = metrics["tokenizer"]["codebook"][-1]["perplexity"]
    if metrics["prior"]["test"] is not None:
        bits = metrics["prior"]["test"]["bits_per_code"]
        ours |= {"bits_per_code": bits, "bits_per_dimension": bits}
    return ours
