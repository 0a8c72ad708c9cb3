"""What the tables stand on: turns, ratios, memory, exponents; and candidates that do the same work."""

import os

import pytest
import torch

pytest.importorskip("monai")
pytest.importorskip("vector_quantize_pytorch")

from benchmarks import page, quantizer
from benchmarks.measuring import Apart, exponent, peak_extra_mb, turns
from benchmarks.plain import OneHotQuantizer
from benchmarks.record import Row, Setup, write
from benchmarks.training_step import monai_network
from scanvq.quantizers import NearestQuantizer
from scanvq.recipe.reading import read_recipe

CPU = torch.device("cpu")


def test_candidates_take_turns_after_a_warm_one():
    seen = []
    work = {name: lambda name=name: seen.append(name) for name in "ab"}
    measured = turns(work, repeats=3, device=CPU)
    assert "".join(seen) == "ab" + "ababab"
    assert {name: len(times) for name, times in measured.items()} == {"a": 3, "b": 3}


def test_steady_work_is_measured_right_after_itself():
    seen = []
    work = {name: lambda name=name: seen.append(name) for name in "ab"}
    measured = turns(work, repeats=2, device=CPU, warm=False, steady=True)
    assert "".join(seen) == "aabbaabb"
    assert {name: len(times) for name, times in measured.items()} == {"a": 2, "b": 2}


def test_ratio_is_of_medians_and_whole_works():
    row = Row(
        case="x",
        seconds={"own": [1.0, 9.0, 2.0], "pass": [0.5, 0.25, 0.75], "not run": []},
        ours="own",
        times={"pass": 100},
    )
    assert row.median("own") == 2
    assert row.ratio("own") == 1
    assert row.ratio("pass") == 25
    assert row.ratio("not run") is None


def test_exponent_of_a_power_law():
    assert exponent([1, 10, 100], [3, 3 * 10**1.5, 3 * 10**3]) == pytest.approx(1.5)


def allocating(megabytes):
    return lambda: torch.ones(megabytes * 2**18).sum()


@pytest.mark.slow
def test_extra_memory_is_the_peak_of_the_call():
    extra = peak_extra_mb(allocating, size=(96,), warm=(1,))
    assert extra is None or extra == pytest.approx(96, abs=12)


def counting(start, path):
    """A work that counts in a file, of the process that it runs in."""
    number = iter(range(start, 99))
    return lambda: path.write_text(f"{os.getpid()} {next(number)}")


def dying():
    return lambda: os._exit(1)


@pytest.mark.slow
def test_a_work_apart_runs_in_a_process_of_its_own(tmp_path):
    work = Apart(counting, 5, tmp_path / "count")
    try:
        work()
        work()
    finally:
        work.close()
    process, count = map(int, (tmp_path / "count").read_text().split())
    assert process != os.getpid()
    assert count == 6


@pytest.mark.slow
def test_a_process_that_dies_is_told():
    work = Apart(dying)
    with pytest.raises(RuntimeError, match=r"dying.*died"):
        work()
    work.close()


def test_quantizers_give_the_same_vectors():
    features = quantizer._features(quantizer.TINY, CPU)
    codebook = quantizer._codebook(quantizer.TINY, CPU)
    found = []
    for name in quantizer.PEERS:
        part = quantizer._MAKERS[name](quantizer.TINY, codebook.clone()).eval()
        found.append(quantizer._LOSSES[name](part(features))[0])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_plain_quantizer_is_the_nearest_one():
    torch.manual_seed(0)
    features = torch.randn(2, 6, 5, 4)
    plain = OneHotQuantizer(codebook_size=9, code_dim=6, commitment=0.25)
    fast = NearestQuantizer(codebook_size=9, code_dim=6, commitment=0.25)
    fast.codebook.data.copy_(plain.embedding.weight.data)
    gradients = []
    for part, weight in ((plain, plain.embedding.weight), (fast, fast.codebook)):
        inputs = features.clone().requires_grad_()
        result = part(inputs)
        (result.vectors.square().sum() + sum(result.losses.values())).backward()
        gradients.append((result.vectors, result.codes, inputs.grad, weight.grad))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("recipe", ["hipmri-vqvae2-as-printed", "oasis-vqvae-gated-pixelcnn"])
def test_monai_network_has_the_same_grid(recipe):
    spec = read_recipe(recipe).tokenizer
    network = monai_network(spec)
    factor = 2 ** len(spec["channels"])
    assert network.index_quantize(torch.zeros(1, 1, 32, 64)).shape == (1, 32 // factor, 64 // factor)


def test_page_leaves_empty_what_was_not_measured(tmp_path):
    machine = {
        "processor": "a processor",
        "gpu": None,
        "bf16_units": [],
        "logical_cores": 2,
        "threads": 2,
        "load_average_before": [0.0, 0.0, 0.0],
        "torch": "2",
    }
    row = Row(case="some work", seconds={"scanvq": [1.0], "peer": [3.0], "other": []}, ours="scanvq")
    write(tmp_path, "quantizer", machine, Setup(), [row])
    records = page.read(tmp_path)
    text = page.page(records)
    assert (
        "| [quantizer](#quantizer) | a processor, 2 cores, 2 threads; PyTorch 2; load 0.0 before |  |" in text
    )
    assert "| [sampling](#sampling) |  |  |" in text
    assert "|  | peer | 3.00 s | 3.00x |  |" in text
    assert "|  | other |  |  |  |" in text
    assert page.bars(records) == [("quantizer: some work", "peer", 3.0)]


def test_plot_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PLOT", tmp_path / "speed.png")
    page.plot([("a", "peer", 3.0), ("a", "plain", 8.0), ("b", "peer", 0.5)])
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
