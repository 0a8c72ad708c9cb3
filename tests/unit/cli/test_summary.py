from __future__ import annotations

from scanvq.cli.summary import rate_text, score_text, summary
from scanvq.evaluation.tokenizer_scores import SCORES


def test_the_scores_of_a_run_are_listed_with_their_worst_images() -> None:
    spread = {"std": 0.1, "p05": 0.5, "median": 0.7, "p95": 0.9}
    metrics = {
        "tokenizer": {
            "test": {
                "n": 8,
                "ssim": {"mean": 0.71, **spread, "above_0.6": 0.875},
                "psnr": {"mean": 25.04, **spread},
                "mae": {"mean": 0.0123, **spread},
            },
            "bits_per_pixel": 0.1875,
            "codebook": [{"size": 16, "used": 6, "perplexity": 5.1}],
        },
        "prior": {"test": None},
        "leak": {"pairs": 0, "unchecked": "", "unmatched": ""},
    }
    assert summary(metrics) == [
        "8 test images at 0.1875 bits per pixel:",
        "  SSIM 0.710 (5th percentile 0.500; 88% above 0.6)",
        "  PSNR 25.0 dB (5th percentile 0.5 dB)",
        "  mean absolute error 0.012 (95th percentile 0.900)",
        "  codebook: 6 of 16 codes used, perplexity 5",
    ]


def test_intervals_stand_in_brackets_and_three_rates_in_a_line() -> None:
    values = {"mean": 0.71, "p05": 0.5, "p95": 0.9, "low": 0.69, "high": 0.73}
    assert score_text(SCORES["ms_ssim"], values) == "MS-SSIM 0.710 [0.690, 0.730] (5th percentile 0.500)"
    without = values | {"low": None, "high": None, "note": "no interval, TooFewSubjects: 4 subjects"}
    assert score_text(SCORES["ms_ssim"], without) == "MS-SSIM 0.710 (5th percentile 0.500)"
    rates = {
        "raw": {"value": 0.5625, "low": 0.5625, "high": 0.5625},
        "entropy": {"value": 0.49, "low": 0.48, "high": 0.5},
        "prior": {"value": None, "low": None, "high": None, "refused": "NoLikelihood: a sentence"},
    }
    assert rate_text(rates) == (
        "bits per pixel: 0.5625 raw; 0.4900 [0.4800, 0.5000] entropy of independent codes; "
        "under the prior: NoLikelihood"
    )
