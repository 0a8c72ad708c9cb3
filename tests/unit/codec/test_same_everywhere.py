"""A stream gives the same codes and pixels with any number of threads, in any batch, on any vector units."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from scanvq.codec.exact_decoder import ExactDecoder
from scanvq.codec.exact_prior import ExactPrior
from scanvq.codec.range_coder import Decoder, Encoder
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.tokenizers import VQVAE

K, COUNT, SHAPE = 32, 5, (8, 7)

DECODE = """
import hashlib, sys
from pathlib import Path
import numpy, torch
from scanvq.codec.exact_decoder import ExactDecoder
from scanvq.codec.exact_prior import ExactPrior
from scanvq.codec.range_coder import Decoder
folder = Path(sys.argv[1])
digest = hashlib.md5()
for name in ("gated", "plain"):
    prior = torch.load(folder / f"{name}.pt", weights_only=False)
    stream = (folder / f"{name}.svq").read_bytes()
    for batch in (1, 3):
        exact = ExactPrior(prior, [(8, 7)])
        (codes,) = exact.decode(Decoder(stream), 5, batch=batch, coded=lambda rows: None)
        digest.update(codes.tobytes())
tokenizer = torch.load(folder / "tokenizer.pt", weights_only=False)
digest.update(ExactDecoder(tokenizer).decode(codes).tobytes())
print(digest.hexdigest())
"""


def vector_units() -> list[str]:
    """Those that NumPy chooses between on this machine."""
    return list(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))  # type: ignore[index]


@pytest.mark.slow
def test_codes_and_pixels_are_the_same_everywhere(tmp_path: Path) -> None:
    torch.manual_seed(0)
    gated = GatedPixelCNN(channels=48, dilations=(1, 4), embedding_dim=16, codebook_size=K)
    plain = PixelCNN(channels=48, hidden=32, codebook_size=K)
    quantizer = MovingAverageQuantizer(codebook_size=K, code_dim=16)
    tokenizer = VQVAE(quantizer=quantizer, channels=(24, 48)).eval()
    codes = torch.randint(K, (COUNT, *SHAPE)).numpy()
    digest = hashlib.md5()
    for name, level in {"gated": gated, "plain": plain}.items():
        with torch.no_grad():
            for weight in level.parameters():
                weight.mul_(3)
        prior, encoder = HierarchicalPrior(levels=[level]), Encoder()
        ExactPrior(prior, [SHAPE]).encode(encoder, [codes], {}, batch=16, coded=lambda rows: None)
        stream = encoder.finish()
        torch.save(prior, tmp_path / f"{name}.pt")
        (tmp_path / f"{name}.svq").write_bytes(stream)
        (found,) = ExactPrior(prior, [SHAPE]).decode(
            Decoder(stream), COUNT, batch=16, coded=lambda rows: None
        )
        assert np.array_equal(found, codes)
        digest.update(codes.tobytes() * 2)
    torch.save(tokenizer, tmp_path / "tokenizer.pt")
    digest.update(ExactDecoder(tokenizer).decode(codes).tobytes())

    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    plain_units = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Nehalem",  # ignored by processors that are not of its family
        "NPY_DISABLE_CPU_FEATURES": " ".join(vector_units()),
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DECODE, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, **changes},
            text=True,
        )
        for changes in (two, plain_units)
    ]
    assert [process.communicate()[0].strip() for process in running] == [digest.hexdigest()] * 2
