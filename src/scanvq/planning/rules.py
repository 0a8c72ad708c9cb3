"""The planning rules: settings from facts and a request. Evidence: docs/explanation/planning.md."""

from __future__ import annotations

import math
from typing import Any

from scanvq.planning.choice import Basis, Choice
from scanvq.planning.dataset_facts import DatasetFacts, PlanRequest

MAX_SIDE = 512  # pixels of the longer side; larger images are scaled or cropped
MARGIN = 0.05  # of a side: kept by a crop around the foreground
MULTIPLE = 8  # divisible by the downsampling of every detail
BATCH_PIXELS = {"fine": 4 * 192 * 160, "coarse": 8 * 192 * 160}  # of one training batch on a CPU
BATCH_CELLS = 4 * 48 * 40  # codes of one training batch of a prior, for a short budget on a CPU
LEARNING_RATE = {"fine": 2e-3, "coarse": 1e-3}
L1 = {"fine": 3.0, "coarse": 1.0}  # beside SSIM of weight 1
LONG_BUDGET = 2 * 3600  # seconds; from here on a CPU trains a wide network
TEXTURE_BUDGET = 600  # seconds; from here on a tenth is enough for the hundreds of steps of a natural decoder
FEW_SLICES = 4_000  # training slices; with fewer a prior overfits without dropout
BUDGET_SHARES = {  # of tokenizer and prior
    "create": (0.5, 0.5),
    "reconstruct": (0.85, 0.15),
    "compress": (0.5, 0.5),
}
SLICES_OF_PAIR = 8  # training slices for each pair of global codes, so that none of them names a single scan
MOST_GLOBAL_CODES = 32
HALVINGS = {"fine": 2, "coarse": 3}


def decide(facts: DatasetFacts, request: PlanRequest) -> tuple[Choice, ...]:
    """Every setting that is not a default: data, tokenizer and prior, then training and sampling."""
    height, width = network_size(facts)
    halvings = HALVINGS[request.detail]
    return (
        *_conditions(facts),
        *_data(facts, (height, width)),
        *_tokenizer(halvings, request),
        *_prior(facts, height >> halvings, width >> halvings, request),
        *_global_code(facts),
        *_natural_decoder(request),
        *_tokenizer_training(facts, height * width, request),
        *_prior_training(facts, (height >> halvings) * (width >> halvings), request),
        _choice("sampling.top_p", 1.0, "fixed", "with a global code, excluding codes only reduces variety"),
    )


def network_size(facts: DatasetFacts) -> tuple[int, int]:
    """Height and width of the images for the network, before padding to a multiple of its downsampling."""
    if crops(facts):
        return min(facts.height, MAX_SIDE), min(facts.width, MAX_SIDE)
    scale = min(1.0, MAX_SIDE / max(facts.height, facts.width))
    return round(facts.height * scale), round(facts.width * scale)


def crops(facts: DatasetFacts) -> bool:
    """Whether images are too large, and a central crop holds the foreground."""
    if facts.box is None or not facts.nearly_uniform or max(facts.height, facts.width) <= MAX_SIDE:
        return False
    rows = _crop_holds(facts.box.top, facts.box.bottom, facts.height)
    return rows and _crop_holds(facts.box.left, facts.box.right, facts.width)


def _crop_holds(first: float, end: float, side: int) -> bool:
    """Whether the crop of `Geometry` keeps an interval of a side (shares) with its margin."""
    cut = max(0, side - MAX_SIDE) // 2
    kept = min(side, MAX_SIDE)
    return max(0, first - MARGIN) * side >= cut and min(1, end + MARGIN) * side <= cut + kept


def _is_wide(request: PlanRequest) -> bool:
    """Whether the request allows wide networks."""
    return request.cuda or request.budget >= LONG_BUDGET


def _choice(key: str, value: Any, basis: Basis, reason: str) -> Choice:
    return Choice(key=key, value=value, basis=basis, reason=reason)


def _conditions(facts: DatasetFacts) -> list[Choice]:
    if not facts.has_volumes:
        return []  # the label, where there are labels
    names = ["label", "slice_position"] if facts.labels else ["slice_position"]
    reason = "slices of volumes differ with their level, which samples can then request"
    return [_choice("data.conditions", names, "rule", reason)]


def _data(facts: DatasetFacts, size: tuple[int, int]) -> list[Choice]:
    if size == (facts.height, facts.width):
        reason = f"{facts.height}x{facts.width} is not above {MAX_SIDE}, so no pixel is resampled"
        if not facts.has_common_size:
            reason = "sizes differ: all slices are scaled to the median size"
        return [_choice("preparation.size", "native", "rule", reason)]
    if crops(facts):
        height, width = size
        lost = f"{facts.height - height} rows and {facts.width - width} columns of border are cut off"
        return [
            _choice(
                "preparation.size",
                [-(-side // MULTIPLE) * MULTIPLE for side in size],
                "rule",
                f"central crop of {facts.height}x{facts.width}, which holds the foreground with a margin",
            ),
            _choice("preparation.fit", "pad", "rule", f"cropped, so no pixel is resampled; {lost}"),
        ]
    rounded = [side // MULTIPLE * MULTIPLE for side in size]
    reason = f"{facts.height}x{facts.width} is scaled so that its longer side is {MAX_SIDE}"
    return [
        _choice("preparation.size", rounded, "rule", reason),
        _choice("preparation.fit", "resize", "rule", "keeps the aspect ratio"),
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
        _choice("tokenizer.kind", "vqvae", "fixed", "one level: two levels need more bits for the same SSIM"),
        _choice(
            "tokenizer.channels",
            channels,
            "rule",
            f"{request.detail}: one code per {pixels}x{pixels} pixels, {rate:.4f} bits per pixel; "
            + ("wide: a GPU or a long budget" if wide else "narrow: more steps gain more than width"),
        ),
        _choice("tokenizer.norm", "none", "fixed", "batch normalization slows training down"),
        _choice("tokenizer.residual_blocks", 2, "fixed", "as in the paper"),
        _choice("tokenizer.residual_channels", hidden, "rule", "half of the width"),
        _choice(
            "tokenizer.quantizer.kind", "moving_average", "fixed", "all codes stay in use, dead codes restart"
        ),
        _choice("tokenizer.quantizer.decay", 0.95, "fixed", "follows a fast encoder, so codes stay in use"),
        _choice("tokenizer.quantizer.codebook_size", 512, "fixed", "9 bits per code"),
        _choice("tokenizer.quantizer.code_dim", 64, "fixed", "as in the paper"),
    ]


def _prior(facts: DatasetFacts, height: int, width: int, request: PlanRequest) -> list[Choice]:
    wide = _is_wide(request)
    far = max(height, width) / 2 > 13
    dilations = [1, 2, 4, 1, 8, 4, 2, 1] if far else [1, 2, 1, 4, 1, 2, 1]
    return [
        _choice(
            "prior.kind",
            "gated_pixelcnn",
            "fixed",
            f"exact likelihood; time and memory grow linearly with the {height * width:,} codes",
        ),
        _choice(
            "prior.channels",
            96 if wide else 64,
            "rule",
            "wide: a GPU or a long budget" if wide else "narrow: more steps gain more than width",
        ),
        _choice(
            "prior.dilations",
            dilations,
            "rule",
            f"receptive field: {1 + sum(dilations)} cells of the {height}x{width} to each side",
        ),
        _choice("prior.positions", True, "fixed", "anatomy is at similar positions in all scans"),
        _choice(
            "prior.dropout",
            0.1 if facts.slices < FEW_SLICES else 0.0,
            "rule",
            f"{facts.slices_text} training slices are {'few' if facts.slices < FEW_SLICES else 'many'}",
        ),
    ]


def _global_code(facts: DatasetFacts) -> list[Choice]:
    pairs = max(4.0, facts.slices / SLICES_OF_PAIR)
    appearance = min(MOST_GLOBAL_CODES, round(1.2 * math.sqrt(pairs)))
    layout = min(MOST_GLOBAL_CODES, max(2, int(pairs / appearance)))
    return [
        _choice(
            "global_code.appearance",
            appearance,
            "rule",
            "contrast and sharpness are drawn once for the whole image, so that its halves agree",
        ),
        _choice(
            "global_code.layout",
            layout,
            "rule",
            f"so are large structures; about {SLICES_OF_PAIR} training slices for each pair of values",
        ),
    ]


def _natural_decoder(request: PlanRequest) -> list[Choice]:
    """A decoder that adds texture to created images, where these are wanted and there is time to train it."""
    if request.goal != "create":
        return []
    if not request.cuda and request.budget < TEXTURE_BUDGET:
        return []
    share = "training.decoder.budget_share"
    return [
        _choice("decoder.kind", "natural", "rule", "created images have the texture that codes leave out"),
        _choice(share, 0.1, "rule", "an eleventh of the budget: a few hundred steps are enough"),
    ]


def _tokenizer_training(facts: DatasetFacts, pixels: int, request: PlanRequest) -> list[Choice]:
    where = "training.tokenizer"
    batch = _batch(facts, pixels, request)
    return [
        _choice(
            f"{where}.batch_size",
            batch,
            "rule",
            f"about {BATCH_PIXELS[request.detail]:,} pixels per step on a CPU: small batches learn fastest",
        ),
        _choice(
            f"{where}.learning_rate",
            LEARNING_RATE[request.detail],
            "rule",
            "stable with a moving average" if request.detail == "fine" else "coarse codes need a lower rate",
        ),
        _choice(f"{where}.schedule", "cosine", "fixed", "decays to 2 % at the end of the budget"),
        _choice(f"{where}.augment", "flip", "fixed", "mirrored images are plausible"),
        _choice(f"{where}.objective.kind", "reconstruct", "fixed", "as in the paper, with the losses below"),
        _choice(f"{where}.objective.l1", L1[request.detail], "rule", "sharper than a squared error"),
        _choice(f"{where}.objective.ssim", 1.0, "fixed", "perceived similarity, which the report measures"),
        _budget_share(where, BUDGET_SHARES[request.goal][0], request),
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
            f"about {BATCH_CELLS:,} codes per step for a short budget: small batches learn fastest",
        ),
        _choice(
            f"{where}.learning_rate",
            1e-3 if wide else 6e-3,
            "rule",
            "stable" if wide else "the highest stable rate, since there are few steps",
        ),
        _choice(f"{where}.schedule", "cosine", "fixed", "decays to 2 % at the end of the budget"),
        _choice(f"{where}.warmup_steps", 50, "fixed", "stabilizes the first steps"),
        _choice(f"{where}.warmup_share", 0.1, "fixed", "a short budget is not spent on warm-up"),
        _choice(f"{where}.clip_norm", 1.0, "fixed", "limits the effect of an outlier batch"),
        _choice(f"{where}.objective.kind", "next_code", "fixed", "exact likelihood"),
        _budget_share(where, BUDGET_SHARES[request.goal][1], request),
    ]


def _budget_share(where: str, share: float, request: PlanRequest) -> Choice:
    reasons = {
        "create": "goal create: created scans need both equally",
        "reconstruct": "goal reconstruct: the tokenizer alone decides the quality of reconstructions",
        "compress": "goal compress: distortion is the tokenizer's, and bits are the prior's",
    }
    return _choice(f"{where}.budget_share", share, "rule", reasons[request.goal])


def _batch(facts: DatasetFacts, pixels: int, request: PlanRequest) -> int:
    """Batch size: a power of two near the pixels per step, 4 to 128."""
    wanted = BATCH_PIXELS[request.detail] * (8 if request.cuda else 1) / pixels
    return _power_of_two(min(max(4, wanted), 128), facts.slices)


def _power_of_two(wanted: float, slices: int) -> int:
    """The nearest power of two, at most a fourth of the training slices."""
    return 2 ** max(0, round(math.log2(min(wanted, max(1, slices // 4)))))
