from __future__ import annotations

from scanvq.cli.summary import summary


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
