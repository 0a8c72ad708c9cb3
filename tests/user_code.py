"""What a user may write; `test_typed.py` checks it with mypy --strict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import scanvq


def train(folder: Path) -> scanvq.Run:
    plan: scanvq.Plan = scanvq.plan(folder, budget="5m", goal="reconstruct")
    run = scanvq.fit(None, plan=plan, out="runs/first")
    assert run is not None
    print(scanvq.__version__, plan.budget, run.metrics["tokenizer"], run.history)
    return run


def use(run: scanvq.Run) -> NDArray[np.float32]:
    model = scanvq.Model.load("runs/first", device="cpu")
    images: NDArray[np.float32] = model.sample(4, condition={"age": 70}, seed=1)
    codes = model.encode(images)
    rebuilt = model.decode(codes)
    scan = model.reconstruct(model.read("scan.nii.gz"))
    print(rebuilt.shape, scan.slices.shape, model.score(images).bits)
    run.show()
    run.samples(16).show()
    return run.samples(16).images


use(scanvq.load("runs/first"))
