"""The rules: from facts and a wish to settings. Evidence for each is in docs/explanation/planning.md."""

from __future__ import annotations

import math
from typing import Any

from scanvq.planning.choice import Basis, Choice
from scanvq.planning.dataset_facts import DatasetFacts, PlanRequest

LARGEST = 512  # pixels of the longer side that are kept as they are
MARGIN = 0.05  # of a side: what a crop leaves around the foreground at least
MULTIPLE = 8  # what any detail's downsampling divides
BATCH_PIXELS = {"fine": 4 * 192 * 160, "coarse": 8 * 192 * 160}  # of one training batch on a CPU
BATCH_CELLS = 4 * 48 * 40  # codes of one training batch of a prior, where there is little time
LEARNING_RATE = {"fine": 2e-3, "coarse": 1e-3}
L1 = {"fine": 3.0, "coarse": 1.0}  # beside SSIM of weight 1
LONG = 2 * 3600  # seconds of budget from which a CPU has time for a wide network
SEEN_OFTEN = 4_000  # training slices below which a prior soon knows them by heart
HALVINGS = {"fine": 2, "coarse": 3}


def decide(facts: DatasetFacts, request: PlanRequest) -> tuple[Choice, ...]:
    """Every setting that is not a part's default, first what is seen, then what learns from it."""
    height, width = network_size(facts)
    halvings = HALVINGS[request.detail]
    return (
        *_data(facts, (height, width)),
        *_tokenizer(halvings, request),
        *_prior(facts, height >> halvings, width >> halvings, request),
        *_tokenizer_training(facts, height * width, request),
        *_prior_training(facts, (height >> halvings) * (width >> halvings), request),
        _choice("sampling.top_p", 0.95, "fixed", "leaves out the least likely codes, which show as specks"),
    )


def network_size(facts: DatasetFacts) -> tuple[int, int]:
    """The height and width of the network's images, less the padding to a multiple of its downsampling."""
    if crops(facts):
        return min(facts.height, LARGEST), min(facts.width, LARGEST)
    scale = min(1.0, LARGEST / max(facts.height, facts.width))
    return round(facts.height * scale), round(facts.width * scale)


def crops(facts: DatasetFacts) -> bool:
    """Whether images are too large, but their middle holds the foreground."""
    if facts.box is None or not facts.alike or max(facts.height, facts.width) <= LARGEST:
        return False
    rows = _in_the_middle(facts.box.top, facts.box.bottom, facts.height)
    return rows and _in_the_middle(facts.box.left, facts.box.right, facts.width)


def _in_the_middle(first: float, end: float, side: int) -> bool:
    """Whether a part of a side, given in shares, is left with its margin by the crop of `Geometry`."""
    cut = max(0, side - LARGEST) // 2
    kept = min(side, LARGEST)
    return max(0, first - MARGIN) * side >= cut and min(1, end + MARGIN) * side <= cut + kept


def _is_wide(request: PlanRequest) -> bool:
    """Whether there is time for wide networks."""
    return request.cuda or request.budget >= LONG


def _choice(key: str, value: Any, basis: Basis, reason: str) -> Choice:
    return Choice(key=key, value=value, basis=basis, reason=reason)


def _data(facts: DatasetFacts, size: tuple[int, int]) -> list[Choice]:
    if size == (facts.height, facts.width):
        why = f"{facts.height}x{facts.width} is not above {LARGEST}, so no pixel is resampled"
        if not facts.uniform:
            why = "sizes differ: the median size, to which the others are scaled"
        return [_choice("preparation.size", "native", "rule", why)]
    if crops(facts):
        height, width = size
        lost = f"{facts.height - height} rows and {facts.width - width} columns of border are lost"
        return [
            _choice(
                "preparation.size",
                [-(-side // MULTIPLE) * MULTIPLE for side in size],
                "rule",
                f"the middle of {facts.height}x{facts.width}, which holds the foreground with a margin",
            ),
            _choice("preparation.fit", "pad", "rule", f"crops, so no pixel is resampled; {lost}"),
        ]
    rounded = [side // MULTIPLE * MULTIPLE for side in size]
    why = f"{facts.height}x{facts.width} is scaled so that its longer side is {LARGEST}"
    return [
        _choice("preparation.size", rounded, "rule", why),
        _choice("preparation.fit", "resize", "rule", "keeps the proportions"),
    ]


def _tokenizer(halvings: int, request: PlanRequest) -> list[Choice]:
    wide = _is_wide(request)
    channels = [32, 64, 128][:halvings]
    hidden = 32 if halvings == 2 else 64
    if wide:
        channels, hidden = [2 * width for width in channels], 2 * hidden
    pixels = 2**halvings
    rate = 9 / 4**halvings
    return [
        _choice("tokenizer.kind", "vqvae", "fixed", "one level: two levels cost more bits for the same SSIM"),
        _choice(
            "tokenizer.channels",
            channels,
            "rule",
            f"{request.detail}: a code for {pixels}x{pixels} pixels, {rate:.4f} bits per pixel; "
            + ("wide: there is time" if wide else "narrow: more steps are worth more than width"),
        ),
        _choice("tokenizer.norm", "none", "fixed", "with batch normalization it learns far more slowly"),
        _choice("tokenizer.residual_blocks", 2, "fixed", "of the paper"),
        _choice("tokenizer.residual_channels", hidden, "rule", "half of the width"),
        _choice(
            "tokenizer.quantizer.kind", "moving_average", "fixed", "all codes stay in use, dead ones restart"
        ),
        _choice("tokenizer.quantizer.decay", 0.95, "fixed", "follows a fast encoder, so no code dies"),
        _choice("tokenizer.quantizer.codebook_size", 512, "fixed", "9 bits a code"),
        _choice("tokenizer.quantizer.code_dim", 64, "fixed", "of the paper"),
    ]


def _prior(facts: DatasetFacts, height: int, width: int, request: PlanRequest) -> list[Choice]:
    wide = _is_wide(request)
    far = wide and max(height, width) / 2 > 13
    dilations = [1, 2, 4, 1, 8, 4, 2, 1] if far else [1, 2, 1, 4, 1, 2, 1]
    return [
        _choice(
            "prior.kind",
            "gated_pixelcnn",
            "fixed",
            f"exact bits, and time and memory that grow with the {height * width:,} codes, not their square",
        ),
        _choice(
            "prior.channels",
            96 if wide else 64,
            "rule",
            "wide: there is time" if wide else "narrow: more steps are worth more than width",
        ),
        _choice(
            "prior.dilations",
            dilations,
            "rule",
            f"sees {1 + sum(dilations)} cells of the {height}x{width} to each side",
        ),
        _choice("prior.positions", True, "fixed", "scans stand in the same place"),
        _choice(
            "prior.dropout",
            0.1 if facts.slices < SEEN_OFTEN else 0.0,
            "rule",
            f"{facts.slices_text} training slices are {'few' if facts.slices < SEEN_OFTEN else 'many'}",
        ),
    ]


def _tokenizer_training(facts: DatasetFacts, pixels: int, request: PlanRequest) -> list[Choice]:
    where = "training.tokenizer"
    batch = _batch(facts, pixels, request)
    return [
        _choice(
            f"{where}.batch_size",
            batch,
            "rule",
            f"about {BATCH_PIXELS[request.detail]:,} pixels a step on a CPU: small batches soon learn most",
        ),
        _choice(
            f"{where}.learning_rate",
            LEARNING_RATE[request.detail],
            "rule",
            "the moving average bears it" if request.detail == "fine" else "coarse codes want gentler steps",
        ),
        _choice(f"{where}.schedule", "cosine", "fixed", "to nothing at the budget's end"),
        _choice(f"{where}.augment", "flip", "fixed", "local patterns are the same mirrored"),
        _choice(f"{where}.objective.kind", "reconstruct", "fixed", "the paper's, with the losses below"),
        _choice(f"{where}.objective.l1", L1[request.detail], "rule", "sharper than a squared error"),
        _choice(f"{where}.objective.ssim", 1.0, "fixed", "what the eye sees and the report measures"),
        _choice(f"{where}.budget_share", 0.5, "fixed", "half for the images, half for their codes"),
    ]


def _prior_training(facts: DatasetFacts, cells: int, request: PlanRequest) -> list[Choice]:
    where = "training.prior"
    wide = _is_wide(request)
    wanted = min(BATCH_CELLS / cells, 16) * (16 if request.cuda else 4 if wide else 1)
    return [
        _choice(
            f"{where}.batch_size",
            _power_of_two(wanted, facts.slices),
            "rule",
            f"about {BATCH_CELLS:,} codes a step where time is short: small batches soon learn most",
        ),
        _choice(
            f"{where}.learning_rate",
            1e-3 if wide else 6e-3,
            "rule",
            "learns steadily" if wide else "the highest that learns steadily, for there are few steps",
        ),
        _choice(f"{where}.schedule", "cosine", "fixed", "to nothing at the budget's end"),
        _choice(f"{where}.warmup_steps", 50, "fixed", "the first steps are the wildest"),
        _choice(f"{where}.clip_norm", 1.0, "fixed", "one odd batch spoils nothing"),
        _choice(f"{where}.objective.kind", "next_code", "fixed", "exact likelihood"),
        _choice(f"{where}.budget_share", 0.5, "fixed", "see the tokenizer's"),
    ]


def _batch(facts: DatasetFacts, pixels: int, request: PlanRequest) -> int:
    """A power of two: by pixels a step, at least 4."""
    wanted = BATCH_PIXELS[request.detail] * (8 if request.cuda else 1) / pixels
    return _power_of_two(min(max(4, wanted), 128), facts.slices)


def _power_of_two(wanted: float, slices: int) -> int:
    """The nearest, at most a fourth of the training slices."""
    return 2 ** max(0, round(math.log2(min(wanted, max(1, slices // 4)))))
