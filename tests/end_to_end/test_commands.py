"""Every command on the demo cohort, as a user calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import format_of

Command = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = (
    "demo",
    "fit",
    "evaluate",
    "report",
    "reconstruct",
    "encode",
    "decode",
    "compress",
    "decompress",
    "sample",
    "inpaint",
    "quiz",
    "models list",
    "models show",
    "data inspect",
    "data prepare",
    "data check",
    "data demo",
    "recipes list",
    "recipes show",
    "recipes copy",
)
LAYOUTS = {
    "oasis": ("OASIS", "24 files, 24 slices, 8 subjects", ".png (24)", "256x256 (24)"),
    "hipmri": ("HipMRI", "45 files, 45 slices, 8 subjects", ".nii.gz (45)", "256x128", "with axes of 1"),
    "adni": ("ADNI", "24 files, 24 slices, 8 subjects", ".jpeg (24)", "240x256 (24)", "AD (12), NC (12)"),
}


def pixels(path: Path) -> np.ndarray:
    return format_of(path).read(path).slices


def assert_equal_up_to_rounding(first: Path, second: Path) -> None:
    """Equal but for rounding, which depends on how many are computed together."""
    one, other = pixels(first), pixels(second)
    assert one.dtype == other.dtype
    np.testing.assert_allclose(one.astype(np.float64), other.astype(np.float64), atol=1)


def error_message(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a failed command, which must be its only output."""
    assert done.stdout == ""
    assert done.stderr.startswith("scanvq: ")
    return done.stderr.removeprefix("scanvq: ").strip()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inspect_knows_the_demo_layouts(layout: str, cohorts: dict[str, Path], scanvq: Command) -> None:
    reported = scanvq("data", "inspect", cohorts[layout]).stdout
    for fact in (*LAYOUTS[layout], "test:", "train:", "intensities"):
        assert fact in reported


def test_inspect_as_json(cohorts: dict[str, Path], scanvq: Command) -> None:
    found = json.loads(scanvq("data", "inspect", cohorts["oasis"], "--json").stdout)
    assert found["files"] == 24
    assert found["odd"] == []


def test_prepare_then_prepare_again(cohorts: dict[str, Path], tiny: tuple[str, ...], scanvq: Command) -> None:
    settings = [argument for argument in tiny if argument.startswith(("--recipe", "--set"))]
    first = scanvq("data", "prepare", cohorts["hipmri"], *settings)
    assert "45 slices of 32x32" in first.stdout
    assert scanvq("data", "prepare", cohorts["hipmri"], *settings).stdout == first.stdout


def test_fit_writes_a_complete_run(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["tokenizer"]["test"]["n"] > 0
    assert set(metrics["tokenizer"]["test"]["ssim"]) >= {"mean", "std", "p05", "median", "p95", "above_0.6"}
    assert metrics["prior"]["test"]["bits_per_code"] > 0
    data = json.loads((trained / "data.json").read_text())
    assert data["labels"] == ["AD", "NC"]
    assert data["layout"] == "ADNI"
    assert "http" not in (trained / "report.html").read_text().split("<body")[0]
    assert not list(trained.rglob(".writing-*"))


def test_evaluate_and_report_again_and_on_other_scans(
    trained: Path, cohorts: dict[str, Path], scanvq: Command, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = json.loads((run / "metrics.json").read_text())
    reported = scanvq("evaluate", run).stdout
    after = json.loads((run / "metrics.json").read_text())
    assert after["tokenizer"] == before["tokenizer"]
    assert after["prior"] == before["prior"]
    assert f"SSIM {after['tokenizer']['test']['ssim']['mean']:.3f}" in reported
    scanvq("evaluate", run, "--data", cohorts["oasis"])
    assert json.loads((run / "metrics-oasis.json").read_text())["tokenizer"]["test"]["n"] > 0
    assert json.loads((run / "metrics.json").read_text()) == after
    (run / "report.html").unlink()
    assert str(run / "report.html") in scanvq("report", run).stdout
    assert (run / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")


def test_reconstructions_keep_the_format_of_their_scans(
    trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path
) -> None:
    scanvq("reconstruct", trained, own_scans, "--out", tmp_path)
    for scan in own_scans.iterdir():
        before, after = pixels(scan), pixels(tmp_path / scan.name)
        assert after.shape == before.shape
        assert after.dtype == before.dtype
        assert (after != before).any()
        assert np.isfinite(after).all()
    for name in ("case_004_week_0_slice_0.nii.gz", "volume.nii", "double.nii.gz"):
        before, after = nib.load(own_scans / name), nib.load(tmp_path / name)
        assert after.shape == before.shape
        assert "SYNTHETIC" in str(after.header["descrip"])
        after.header["descrip"] = before.header["descrip"]
        assert after.header == before.header
    with Image.open(tmp_path / "color.png") as picture:
        assert picture.mode == "RGB"
    panels = {path.name for path in (tmp_path / "panels").iterdir()}
    assert panels == {f"{scan.name.split('.')[0]}.png" for scan in own_scans.iterdir()}


def test_codes_and_back(trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path) -> None:
    codes = tmp_path / "codes.npz"
    assert "11 slices of 7 scans" in scanvq("encode", trained, own_scans, "--out", codes).stdout
    with np.load(codes) as saved:
        assert saved["level_0"].shape == (11, 8, 8)
        assert 0 <= saved["level_0"].min() <= saved["level_0"].max() < 64
        assert sorted(saved["files"]) == sorted(scan.name for scan in own_scans.iterdir())
    scanvq("decode", trained, codes, "--out", tmp_path / "decoded")
    scanvq("reconstruct", trained, own_scans, "--out", tmp_path / "rebuilt", "--no-panels")
    for name in ("eight.png", "color.png"):
        np.testing.assert_array_equal(
            pixels(tmp_path / "decoded" / name), pixels(tmp_path / "rebuilt" / name)
        )
    sixteen = pixels(tmp_path / "decoded" / "sixteen.nii.gz")
    np.testing.assert_array_equal(sixteen, pixels(tmp_path / "rebuilt" / "sixteen.png"))
    assert pixels(tmp_path / "decoded" / "volume.nii.gz").shape == pixels(own_scans / "volume.nii").shape


def test_scans_of_equal_name_in_several_folders_stay_separate(
    trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path
) -> None:
    for place in ("a/one.png", "b/one.png"):
        (tmp_path / "in" / place).parent.mkdir(parents=True)
        shutil.copy(own_scans / "eight.png", tmp_path / "in" / place)
    shutil.copy(own_scans / "photo.jpeg", tmp_path / "in" / "b" / "one.jpeg")
    scanvq("encode", trained, tmp_path / "in", "--out", tmp_path / "codes.npz")
    scanvq("decode", trained, tmp_path / "codes.npz", "--out", tmp_path / "decoded")
    decoded = sorted(
        path.relative_to(tmp_path / "decoded").as_posix() for path in tmp_path.glob("decoded/[ab]/*")
    )
    assert decoded == ["a/one.png", "b/one.jpeg.png", "b/one.png.png"]
    scanvq("reconstruct", trained, tmp_path / "in", "--out", tmp_path / "rebuilt")
    assert len(list(tmp_path.glob("rebuilt/[ab]/one.*"))) == 3
    assert len(list(tmp_path.glob("rebuilt/panels/[ab]/*.png"))) == 3


def test_samples_in_every_format(trained: Path, scanvq: Command, tmp_path: Path) -> None:
    scanvq("sample", trained, "-n", 3, "--out", tmp_path / "png", "--seed", 4)
    scanvq("sample", trained, "-n", 2, "--out", tmp_path / "npz", "--seed", 4, "--format", "npz")
    scanvq("sample", trained, "-n", 1, "--out", tmp_path / "nii", "--seed", 4, "--format", "nifti")
    with np.load(tmp_path / "npz" / "samples.npz") as saved:
        images = saved["images"]
    assert images.shape == (2, 30, 32)  # 240x256 slices, resized to 32x32
    assert images.dtype == np.float32
    for number in (0, 1):  # sample i of a seed does not depend on the number of samples
        picture = pixels(tmp_path / "png" / f"sample_{number:03}.png")[0]
        np.testing.assert_allclose(picture, images[number] * 255, atol=0.51)
    np.testing.assert_allclose(pixels(tmp_path / "nii" / "sample_000.nii.gz")[0], images[0], atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "png").glob("[!.]*")) == [
        "audit.json",
        "codes.npz",
        "sample_000.png",
        "sample_001.png",
        "sample_002.png",
        "samples.png",
    ]
    scanvq("decode", trained, tmp_path / "png" / "codes.npz", "--out", tmp_path / "again")
    assert_equal_up_to_rounding(tmp_path / "again" / "image_002.png", tmp_path / "png" / "sample_002.png")


def test_samples_of_a_class(trained: Path, scanvq: Command, tmp_path: Path) -> None:
    options = ("-n", 2, "--label", "AD", "--temperature", 0.7, "--top-k", 8, "--top-p", 0.9)
    scanvq("sample", trained, *options, "--out", tmp_path)
    assert len(list(tmp_path.glob("sample_*.png"))) == 2


@pytest.mark.parametrize(
    "name", ["sixteen.png", "case_004_week_0_slice_0.nii.gz", "double.nii.gz", "photo.jpeg"]
)
def test_known_pixels_come_back_bit_for_bit(
    name: str, trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path
) -> None:
    before = pixels(own_scans / name)
    unknown = np.zeros(before.shape[1:], bool)
    unknown[12:30, 20:] = True
    Image.fromarray(unknown).save(tmp_path / "mask.png")
    out = tmp_path / "out"
    reported = scanvq(
        "inpaint", trained, own_scans / name, "--mask", tmp_path / "mask.png", "-n", 2, "--out", out
    )
    assert "raster order" in reported.stderr
    completions = sorted(path for path in out.glob("[!.]*") if path.is_file())
    assert len(completions) == 2
    for completion in completions:
        after = pixels(completion)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after[:, ~unknown], before[:, ~unknown])
        assert (after[:, unknown] != before[:, unknown]).any()
    if name == "double.nii.gz":  # more digits than are computed with: in the file itself
        slices = [format_of(own_scans / name).read(path) for path in (own_scans / name, completions[0])]
        stored = [np.asanyarray(nib.load(path).dataobj) for path in (own_scans / name, completions[0])]
        known = slices[0].slices == slices[1].slices
        assert (stored[0] == stored[1]).sum() >= known.sum()


def test_one_half_of_a_volume_is_kept(
    trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path
) -> None:
    options = ("--keep", "top-half", "-n", 1, "--label", "NC", "--out", tmp_path)
    scanvq("inpaint", trained, own_scans / "volume.nii", *options)
    before, after = pixels(own_scans / "volume.nii"), pixels(tmp_path / "volume_0.nii")
    half = before.shape[1] // 2
    np.testing.assert_array_equal(after[:, :half], before[:, :half])
    assert (after[:, half:] != before[:, half:]).any()
    headers = [nib.load(path).header for path in (tmp_path / "volume_0.nii", own_scans / "volume.nii")]
    headers[0]["descrip"] = headers[1]["descrip"]
    assert headers[0] == headers[1]


def test_recipes_are_listed_shown_and_copied(scanvq: Command, tmp_path: Path) -> None:
    listed = scanvq("recipes", "list").stdout
    for name in ("oasis-vqvae-gated-pixelcnn", "demo", "tiny"):
        assert f"\n{name} " in f"\n{listed}"
    shown = scanvq("recipes", "show", "tiny", "--size", "64x32", "--set", "prior.channels=16").stdout
    assert "channels = 16" in shown
    assert "parameters" in shown
    assert "bits per pixel" in shown
    mine = tmp_path / "mine.toml"
    scanvq("recipes", "copy", "tiny", mine)
    assert "codebook_size" in scanvq("recipes", "show", mine).stdout
    assert "exists already" in error_message(scanvq("recipes", "copy", "tiny", mine, code=2))


def test_help_shows_an_example_and_imports_no_heavy_package(environment: dict[str, str]) -> None:
    """In one process, since starting one for each command would take the longest of all these tests."""
    script = """
import sys
from typer.testing import CliRunner
from scanvq.cli.main import app
for command in sys.argv[1:]:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0, (command, done.output)
    words = " ".join(done.output.split())
    assert "Example" in words, command
    assert f"scanvq {command}" in words.split("Example", 1)[1], command
done = CliRunner().invoke(app, ["--help"])
for command in sys.argv[1:]:
    assert command.split()[0] in done.output, command
heavy = {"torch", "numpy", "nibabel", "PIL", "matplotlib", "accelerate"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *COMMANDS], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_help_and_version(scanvq: Command) -> None:
    assert "Usage" in scanvq("--help").stdout
    assert scanvq("--version").stdout.startswith("scanvq ")
