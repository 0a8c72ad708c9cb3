from __future__ import annotations

from dataclasses import replace

from scanvq.report.answers import answers
from scanvq.report.cautions import cautions
from scanvq.report.report_data import ReportData
from scanvq.report.whose_fault import separation, verdict


def by_question(report_data: ReportData) -> dict[str, str]:
    return {one.question: " ".join([one.headline, *one.lines]) for one in answers(report_data)}


def texts(report_data: ReportData) -> str:
    return "\n".join(one.text for one in cautions(report_data))


def changed(report_data: ReportData, **parts: object) -> ReportData:
    return replace(report_data, metrics={**(report_data.metrics or {}), **parts})


def test_every_question_is_answered_from_the_files(report_data: ReportData) -> None:
    found = by_question(report_data)
    assert list(found) == [
        "What was trained?",
        "On whom?",
        "How good are reconstructions?",
        "How good are created scans?",
        "How new are they?",
        "What did it cost?",
    ]
    assert found["What was trained?"].startswith("VQ-VAE and gated PixelCNN")
    assert "4x6 codes out of 8" in found["What was trained?"]
    assert found["On whom?"].startswith("14 subjects")
    assert "20 slices of 10 subjects to train on, 4 slices of 2 subjects to test on" in found["On whom?"]
    assert "Layout of the folder: flat" in found["On whom?"]
    assert "SSIM 0.710" in found["How good are reconstructions?"]
    assert "0.188 bits per pixel, 0.09 under the prior" in found["How good are reconstructions?"]
    assert "AUC 0.95 (0.90 to 0.99)" in found["How good are created scans?"]
    assert "real against real scans 52%" in found["How good are created scans?"]
    assert found["How new are they?"].startswith("50.0% copies")
    assert "1 of 2 created scans" in found["How new are they?"]
    assert found["What did it cost?"].startswith("1.0 minutes")


def test_what_was_not_measured_is_said_to_be_missing(report_data: ReportData) -> None:
    found = by_question(replace(report_data, audit=None, metrics=None))
    assert found["How good are reconstructions?"] == "not evaluated"
    assert found["How good are created scans?"] == "not scored"
    assert found["How new are they?"].startswith("not audited")
    assert "What did it cost?" not in found
    missing = texts(replace(report_data, audit=None, metrics=None))
    assert "Not evaluated" in missing
    assert "`scanvq audit first`" in missing


def test_a_model_without_a_prior_creates_nothing(report_data: ReportData) -> None:
    assert report_data.model is not None
    without = replace(report_data, model=replace(report_data.model, prior=""), audit=None)
    assert "created" not in " ".join(by_question(without))
    assert "No prior is trained" in texts(without)
    assert "audit" not in texts(without)


def test_cautions_name_their_numbers(report_data: ReportData) -> None:
    found = texts(report_data)
    assert "Trained on 10 people only" in found
    assert "Tested on 2 people only" in found
    assert "1 files could not be used" in found
    assert "Created scans are told from real ones: AUC 0.95, where real against real gives 0.52" in found
    assert "Copies of training scans: 1 of 2" in found
    assert "Reconstructions are told" not in found
    assert "hardly better" not in found


def test_a_good_run_has_no_serious_caution(report_data: ReportData) -> None:
    assert report_data.audit is not None
    assert report_data.data is not None
    clean = replace(
        report_data,
        audit={"rate": {"value": 0, "low": 0, "high": 0.1}, "samples": []},
        data=replace(
            report_data.data,
            splits=(("train", 900, 900), ("validation", 50, 50), ("test", 50, 50)),
            skipped=(),
        ),
    )
    assert not any(one.serious for one in cautions(clean))


def test_leaks_come_first(report_data: ReportData) -> None:
    assert report_data.data is not None
    leaky = replace(report_data.data, leaks=("a and b",), leaks_into_test=True)
    first = cautions(replace(report_data, data=leaky))[0]
    assert first.serious
    assert first.text.startswith("Leaks were allowed: 1 subjects")
    assert "No score here measures quality on unseen people" in first.text


def test_a_leak_beside_the_test_split_leaves_its_scores(report_data: ReportData) -> None:
    assert report_data.data is not None
    leaky = replace(report_data, data=replace(report_data.data, leaks=("a and b",)))
    (found,) = (one for one in cautions(leaky) if "Leaks were allowed" in one.text)
    assert not found.serious
    assert "Scores on the test split are those of unseen people" in found.text


def test_what_is_odd_about_the_files(report_data: ReportData) -> None:
    assert report_data.data is not None
    odd = replace(report_data, data=replace(report_data.data, odd=("half of them are 275 times brighter",)))
    assert "Odd files: half of them are 275 times brighter." in texts(odd)


def test_a_collapsed_codebook_and_a_prior_that_guesses(report_data: ReportData, metrics: dict) -> None:
    book = {"size": 256, "used": 4, "perplexity": 3.0}
    tokenizer = {**metrics["tokenizer"], "codebook": [book]}
    prior = {"test": {"n": 8, "bits_per_code": 1.58, "bits_per_pixel": 0.1}}
    found = texts(changed(report_data, tokenizer=tokenizer, prior=prior))
    assert "has collapsed: 4 of 256 codes in use, perplexity 3" in found
    assert "hardly better than guessing: 1.58 bits per code" in found
    assert "needs 1.58" in found
    half = {**metrics["tokenizer"], "codebook": [{"size": 256, "used": 100, "perplexity": 60.0}]}
    assert "underused: 100 of 256" in texts(changed(report_data, tokenizer=half))


def test_a_collapsed_level(report_data: ReportData) -> None:
    record = {"step": 1, "epoch": 1.0, "seconds": 1.0, "split": "validation", "worth_0": 0.001}
    assert "Level 0 of the codes" in texts(replace(report_data, histories={"tokenizer": [record]}))


def test_bad_images_behind_a_good_mean(report_data: ReportData) -> None:
    assert "below 0.500 for one in twenty" in texts(report_data)


def test_refused_and_outdated_scores(report_data: ReportData, metrics: dict) -> None:
    refused = {name: {"n": 2, "refused": "TooFewImages: two"} for name in metrics["samples"]}
    assert "refused. TooFewImages: two" in texts(changed(report_data, samples=refused))
    assert "refused" in by_question(changed(report_data, samples=refused))["How good are created scans?"]
    other = {name: {**entry, "source": {"model": "other"}} for name, entry in metrics["samples"].items()}
    assert "another state of this model" in texts(changed(report_data, samples=other))
    assert "were not scored" in texts(changed(report_data, samples={}))


def test_people_who_differ_themselves(report_data: ReportData, metrics: dict) -> None:
    entry = metrics["samples"]["samples_vs_reals"]
    network = {**entry["auc"]["network"], "floor": 0.8}
    samples = {**metrics["samples"], "samples_vs_reals": {**entry, "auc": {"network": network}}}
    assert "themselves differ (AUC 0.80" in texts(changed(report_data, samples=samples))


def auc(value: float) -> dict:
    return {"auc": {"network": {"value": value, "low": value - 0.05, "high": value + 0.05, "floor": 0.5}}}


def test_whose_fault_it_is() -> None:
    def of(tokenizer: float, prior: float) -> str:
        return verdict({"reconstructions_vs_reals": auc(tokenizer), "samples_vs_reconstructions": auc(prior)})

    assert of(0.5, 0.9).startswith("The prior is at fault")
    assert of(0.9, 0.5).startswith("The tokenizer is at fault")
    assert of(0.9, 0.9).startswith("Both parts")
    assert of(0.5, 0.52).startswith("No classifier found a fault")
    assert verdict({}) == ""


def test_the_best_classifier_decides() -> None:
    two = {
        "auc": {"pca32": auc(0.9)["auc"]["network"], "network": {"value": None, "refused": "TooFewImages"}}
    }
    found = separation({"samples_vs_reals": two}, "samples_vs_reals")
    assert found is not None
    assert (found.space, found.value) == ("pca32", 0.9)
    assert separation({"samples_vs_reals": {"n": 2, "refused": "no"}}, "samples_vs_reals") is None


def test_a_classifier_with_a_note_does_not_decide() -> None:
    doubtful = {**auc(0.9)["auc"]["network"], "note": "misses blurred"}
    sure = auc(0.6)["auc"]["network"]
    found = separation({"x": {"auc": {"pca32": doubtful, "network": sure}}}, "x")
    assert found is not None
    assert found.space == "network"
    alone = separation({"x": {"auc": {"pca32": doubtful}}}, "x")
    assert alone is not None
    assert alone.space == "pca32"


def test_an_audit_without_a_verdict(report_data: ReportData) -> None:
    audit = {
        "rate": {"value": None, "low": None, "high": None},
        "samples": [],
        "refused": "TooFewSubjects: 3",
    }
    unclear = replace(report_data, audit=audit)
    assert by_question(unclear)["How new are they?"] == "no verdict TooFewSubjects: 3"
    assert "gives no verdict: TooFewSubjects: 3" in texts(unclear)
