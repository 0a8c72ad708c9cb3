"""`scanvq` in processes that start within milliseconds: copies of one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.faults.layer import Fault, FileLayer

RECIPE = """
extends = "tiny"
name = "smallest"
[preparation]
size = [16, 16]
[tokenizer]
channels = [4, 4]
residual_channels = 4
[tokenizer.quantizer]
codebook_size = 8
code_dim = 4
[prior]
channels = 8
dilations = [1]
[training.tokenizer]
save_every = 0
[training.prior]
save_every = 0
"""
SECONDS = 300  # that a command may take


@dataclass(frozen=True)
class Done:
    """A command that ended: its status (negative = the signal), what it wrote, and its writes of files."""

    status: int
    shown: str
    writes: int = 0
    hit: str = ""

    @property
    def sentences(self) -> list[str]:
        """The lines that report an error."""
        lines = self.shown.splitlines()
        return [line for line in lines if line.startswith("scanvq: ") and "scanvq: warning" not in line]


def make_scans(folder: Path, *, subjects: int = 12) -> Path:
    """A folder of one gray PNG of 16x16 pixels for each subject, and a recipe beside it."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for subject in range(subjects):
        Image.fromarray(random.integers(0, 256, (16, 16), np.uint8)).save(folder / f"s{subject:02d}_0.png")
    (folder.parent / "smallest.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def command(root: Path, *arguments: object, fault: Fault | None = None, report: bool = False) -> Done:
    """Runs a command to its end, or to its fault, with files below `root`.

    Args:
        root: folder of the scans, the run, and the cache in `root/cache`.
        arguments: of the command.
        fault: of the file layer.
        report: whether `fit` writes the report; otherwise it ends after the scores.
    """
    return _run(root, arguments, fault=fault, report=report, seconds=None)


def killed(root: Path, *arguments: object, after: float) -> Done:
    """Starts a command and kills it with SIGKILL after so many seconds, if it has not ended before."""
    return _run(root, arguments, fault=None, report=False, seconds=after)


def _run(
    root: Path, arguments: Sequence[object], *, fault: Fault | None, report: bool, seconds: float | None
) -> Done:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.imported"])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    results, results_end = context.Pipe(duplex=False)
    shown, shown_end = context.Pipe(duplex=False)
    texts = [str(part) for part in arguments]
    process = context.Process(target=_child, args=(str(root), texts, fault, report, results_end, shown_end))
    process.start()
    results_end.close()
    shown_end.close()
    output: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(shown, output))
    reader.start()
    process.join(SECONDS if seconds is None else seconds)
    hangs = process.is_alive()
    process.kill()
    process.join()
    reader.join()
    text = b"".join(output).decode(errors="replace")
    assert not (hangs and seconds is None), f"scanvq {texts} takes over {SECONDS} s with {fault}\n{text}"
    writes, hit = _received(results)
    return Done(status=process.exitcode or 0, shown=text, writes=writes, hit=hit)


def _read_all(connection: Connection, into: list[bytes]) -> None:
    with connection:
        while part := os.read(connection.fileno(), 65536):
            into.append(part)


def _received(results: Connection) -> tuple[int, str]:
    """(0, "") of a process that was killed."""
    with results:
        try:
            writes, hit = results.recv()
        except EOFError:
            return 0, ""
    return writes, hit


def _child(
    root: str,
    arguments: Sequence[str],
    fault: Fault | None,
    report: bool,
    results: Connection,
    shown: Connection,
) -> None:
    from scanvq.cli import summary
    from scanvq.cli.main import main
    from scanvq.training.stages import codes

    os.dup2(shown.fileno(), 1)  # a pipe, which the limit on the size of files does not end
    os.dup2(shown.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    os.environ |= {"SCANVQ_CACHE": f"{root}/cache", "SCANVQ_LOG": "none", "NO_COLOR": "1", "COLUMNS": "400"}
    codes.time_interleaved = _all_equal  # the precision of encoding is measured, so it differs between runs
    if not report:
        summary.evaluate_and_report = lambda run, display, *, sample_scores: run.evaluate()
    os.chdir(root)
    layer = FileLayer(Path(root), fault)
    sys.argv = ["scanvq", *arguments]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        layer.fault = None
        results.send((layer.writes, layer.hit))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _all_equal(works: Mapping[Any, object], device: object) -> dict[Any, float]:
    return dict.fromkeys(works, 1.0)
