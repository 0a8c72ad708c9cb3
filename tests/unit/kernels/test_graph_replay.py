"""Recorded sampling gives the codes of unrecorded sampling, without host synchronization.

Most tests need no GPU: a `Tape` is as strict as a CUDA graph. Tests of CUDA graphs need a GPU.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.kernels import graph_replay
from scanvq.kernels.probability_filter import reference_filter_probabilities
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.types import UNKNOWN, CodePrior, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, HEIGHT, WIDTH, BATCH = 11, 8, 6, 3
GRID = {"codebook_size": SIZE, "height": HEIGHT, "width": WIDTH}
CPU = torch.device("cpu")

aten = torch.ops.aten
REFUSED = {  # they wait for the device, which a CUDA graph refuses
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
}


class Tape(TorchDispatchMode):
    """What a CUDA graph does, on a CPU: keeps each operation with the tensors it ran on, to run it again.

    Of Python it knows nothing: what a number of the host decided in recording stays decided. Nothing is
    computed in recording, so all tensors that were there before get back what they held.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self._made: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in REFUSED:
            raise RuntimeError(f"{func} is not permitted when a stream is capturing")
        kwargs = kwargs or {}
        for tensor in tensors((args, kwargs)):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._made:
                self._before.setdefault(storage.data_ptr(), (storage, storage.clone()))
        out = func(*args, **kwargs)
        for tensor in tensors(out):
            if tensor.untyped_storage().data_ptr() not in self._before:
                self._made.add(tensor.untyped_storage().data_ptr())
        self.operations.append((func, args, kwargs, out))
        return out

    def rewind(self) -> None:
        for storage, held in self._before.values():
            storage.copy_(held)

    def play(self) -> None:
        self.replays += 1
        for func, args, kwargs, out in self.operations:
            again = func(*args, **kwargs)
            for old, new in zip(tensors(out), tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():  # neither a view nor in place
                    old.copy_(new)


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """Makes sampling on the CPU record, always; the tapes it recorded."""
    made: list[Tape] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        tape = Tape()
        with tape:
            work()
        tape.rewind()
        made.append(tape)
        return tape.play

    monkeypatch.setattr(graph_replay, "can_capture", lambda device: True)
    monkeypatch.setattr(graph_replay, "capture", record)
    monkeypatch.setattr(graph_replay, "CAPTURE_SECONDS", -1.0)
    monkeypatch.setattr(graph_replay, "_now", time.monotonic)
    return made


def pixelcnn(**more: Any) -> PixelCNN:
    return PixelCNN(channels=12, hidden=8, kernel=5, positions=True, **GRID, **more)


def gated_pixelcnn(**more: Any) -> GatedPixelCNN:
    return GatedPixelCNN(channels=12, embedding_dim=6, dilations=(1, 2, 1), positions=True, **GRID, **more)


def transformer(**more: Any) -> TransformerPrior:
    return TransformerPrior(layers=2, channels=16, heads=4, order="z_curve", **GRID, **more)


MAKERS = [pixelcnn, gated_pixelcnn, transformer]


def sharp(make: Callable[..., CodePrior], **more: Any) -> CodePrior:
    """Sharper than at the start, so that a wrong logit changes codes."""
    torch.manual_seed(0)
    prior = make(**more).eval()
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return prior


def unknown_regions() -> dict[str, Tensor]:
    everything = torch.ones(BATCH, HEIGHT, WIDTH, dtype=torch.bool)
    lower, box, some_samples = (torch.zeros_like(everything) for _ in range(3))
    lower[:, HEIGHT // 3 :] = True
    box[:, 1:, 2:-1] = True
    some_samples[:2] = True
    return {"all": everything, "lower": lower, "box": box, "some samples": some_samples}


def sampled(prior: CodePrior, known: Tensor, **more: Any) -> Tensor:
    return prior.sample(
        known, generator=torch.Generator().manual_seed(5), **{"params": SamplingParams(), **more}
    )


def known_but(hidden: Tensor) -> Tensor:
    codes = torch.randint(SIZE, hidden.shape, generator=torch.Generator().manual_seed(1))
    return torch.where(hidden, UNKNOWN, codes)


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_replay, "can_capture", lambda device: False)
        yield


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("region", unknown_regions())
def test_recorded_sampling_gives_the_same_codes(
    tapes: list[Tape], make: Callable[..., CodePrior], region: str
) -> None:
    prior, known = sharp(make), known_but(unknown_regions()[region])
    recorded = sampled(prior, known)
    with unrecorded():
        expected = sampled(prior, known)
    assert torch.equal(recorded, expected)
    rows_are_whole = region in ("all", "lower")
    assert [tape.replays > 2 for tape in tapes] == ([True] if make is transformer or rows_are_whole else [])


@pytest.mark.parametrize("make", MAKERS)
def test_recorded_sampling_depends_on_labels_and_coarser_codes(
    tapes: list[Tape], make: Callable[..., CodePrior]
) -> None:
    prior = sharp(make, conditions=LABELS, context_sizes=(5,))
    coarse = torch.randint(5, (BATCH, HEIGHT // 2, WIDTH // 2), generator=torch.Generator().manual_seed(3))
    asked: dict[str, Any] = {
        "context": (coarse,),
        "condition": Condition(label=torch.tensor([0, 1, 1])),
        "params": SamplingParams(temperature=0.7, guidance=2.0 if make is transformer else 1.0),
    }
    known = known_but(unknown_regions()["all"])
    recorded = sampled(prior, known, **asked)
    assert len(tapes) == 1
    with unrecorded():
        assert torch.equal(recorded, sampled(prior, known, **asked))
        assert not torch.equal(recorded, sampled(prior, known, **asked | {"context": (4 - coarse,)}))


@pytest.mark.parametrize(
    "params", [SamplingParams(top_k=3), SamplingParams(top_p=0.7), SamplingParams(top_k=5, top_p=0.6)]
)
def test_top_k_and_top_p_can_be_recorded(params: SamplingParams) -> None:
    """As a GPU has them; a CPU has its own way."""
    first, second = torch.rand(2, 4, SIZE, dtype=torch.float64).softmax(dim=2)
    held, out = first.clone(), torch.empty_like(first)
    with (tape := Tape()):
        out.copy_(reference_filter_probabilities(held, params))
    held.copy_(second)
    tape.play()
    assert torch.equal(out, reference_filter_probabilities(second, params))


def test_a_tape_detects_operations_that_a_graph_would_not_replay(tapes: list[Tape]) -> None:
    """Else the tests above show nothing: work that counts in Python goes wrong, work that asks is refused."""
    count, total = [0], torch.zeros(())

    def counting() -> None:
        count[0] += 1
        total.add_(count[0])

    again = graph_replay.GraphReplay(counting, CPU, calls=5)
    for _ in range(5):
        again()
    assert total.item() == 1 + 2 + 3 * 3  # and not 1 + 2 + 3 + 4 + 5
    with pytest.raises(RuntimeError, match="not permitted"), Tape():
        total.item()


@pytest.mark.parametrize(
    ("seconds", "times", "recorded"), [(1.0, 10, True), (1.0, 5, False), (0.1, 30, False)]
)
def test_work_is_recorded_if_that_saves_time(
    monkeypatch: pytest.MonkeyPatch, tapes: list[Tape], seconds: float, times: int, recorded: bool
) -> None:
    clock = [0.0]
    total = torch.zeros(())

    def work() -> None:
        clock[0] += seconds
        total.add_(1)

    monkeypatch.setattr(graph_replay, "_now", lambda: clock[0])
    monkeypatch.setattr(graph_replay, "CAPTURE_SECONDS", 4.0)
    again = graph_replay.GraphReplay(work, CPU, calls=times)
    for _ in range(times):
        again()
    assert bool(tapes) is recorded
    assert total.item() == times


@pytest.mark.parametrize("replay", [graph_replay.GraphReplay, graph_replay.reference_graph_replay])
def test_work_on_a_cpu_is_called_as_by_the_reference(replay: Any) -> None:
    calls: list[int] = []
    again = replay(lambda: calls.append(0), CPU, calls=3)
    for _ in range(3):
        again()
    assert len(calls) == 3
    assert not graph_replay.can_capture(CPU)


def test_a_failed_capture_warns_and_sampling_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def refuse(graph: object, **_: Any) -> Iterator[None]:
        raise RuntimeError("operation not permitted")
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", refuse)
    calls: list[int] = []
    with pytest.warns(RuntimeWarning, match="without a CUDA graph: operation not permitted"):
        work = graph_replay.capture(lambda: calls.append(0))
    work()
    assert len(calls) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("params", [SamplingParams(), SamplingParams(top_k=5, top_p=0.9)])
def test_a_cuda_graph_gives_the_same_codes(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., CodePrior], params: SamplingParams
) -> None:
    monkeypatch.setattr(graph_replay, "CAPTURE_SECONDS", -1.0)
    prior = sharp(make).cuda()
    known = known_but(unknown_regions()["all"]).cuda()
    recorded = sampled(prior, known, params=params)
    with unrecorded():
        assert torch.equal(recorded, sampled(prior, known, params=params))
