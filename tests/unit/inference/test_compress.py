"""Compressed scans: the same kind of file comes back, other models and damaged streams are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from scanvq.codec.errors import CodecError
from scanvq.codec.stream_header import read_stream
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.formats import FORMATS, Provenance, Scan, UnreadableScan, format_of
from scanvq.imaging.geometry import Fit, Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.inference.compress import compress_files, decompress_files, stream_files
from scanvq.inference.reconstruct import reconstruct_files
from scanvq.inference.stream_codec import StreamCodec
from scanvq.model.headers import JointCounts, PriorHeader, TokenizerHeader
from scanvq.model.model import Model
from scanvq.model.source import ModelSource
from scanvq.nn.precision import Precision
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.global_code import GlobalCode
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.storage.output_folder import OutputError
from scanvq.tokenizers import VQVAE
from tests.unit.imaging.test_formats_dicom import series, slice_file, volume

K, GRID = 16, (4, 6)


class Source(ModelSource):
    """An untrained model for images of 16x24."""

    has_prior, has_decoder, calibration = True, False, None

    def __init__(self, *, seed: int = 0, fit: Fit = "pad") -> None:
        torch.manual_seed(seed)
        quantizer = MovingAverageQuantizer(codebook_size=K, code_dim=4)
        self.tokenizer = VQVAE(quantizer=quantizer, channels=(4, 8), residual_channels=4, input_mean=0.5)
        with torch.no_grad():
            self.tokenizer(torch.rand(4, 1, 16, 24))  # fills the codebook
        sizes = {"codebook_sizes": (K,), "code_dims": (4,), "code_shapes": (GRID,)}
        code = GlobalCode(appearance=3, layout=0, **sizes)  # type: ignore[arg-type]
        code.get_buffer("centers_appearance").copy_(torch.rand(3, K))
        code.get_buffer("counts").copy_(torch.tensor([3.0, 4.0, 5.0]))
        space = ConditionSpace(code.conditions)
        level = GatedPixelCNN(
            channels=8, dilations=(1, 2), embedding_dim=4, codebook_size=K, conditions=space
        )
        self._prior = HierarchicalPrior(levels=[level], global_code=code).eval()
        self.header = TokenizerHeader(
            id=f"{seed:016x}",
            spec={},
            recipe="tiny",
            preparation=Preparation(
                geometry=Geometry(height=16, width=24, fit=fit), intensity=Intensity(kind="file")
            ),
            plane="axial",
            codebook_sizes=(K,),
            code_shapes=(GRID,),
            precision=Precision(),
        )
        self.recipe: Any = None

    def load_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        header = SimpleNamespace(id="f" * 16, conditions=ConditionSpace(()), joint=JointCounts())
        return self._prior, header  # type: ignore[return-value]

    def load_decoder(self):  # type: ignore[no-untyped-def]
        raise NotImplementedError


def make_model(**changes: Any) -> Model:
    return Model(Source(**changes), device=torch.device("cpu"))


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model()


def no_progress(done: int, total: int) -> None:
    assert 0 < done <= total


def there_and_back(
    model: Model, scans: Sequence[Path], folder: Path, *, max_error: float | None = None
) -> list[Path]:
    """Compresses and decompresses files; returns the new files."""
    compress_files(model, scans, folder / "streams", max_error=max_error, progress=no_progress)
    streams = stream_files([folder / "streams"])
    assert len(streams) == len(scans)
    names = decompress_files(model, streams, folder / "back", progress=no_progress)
    return [folder / "back" / name for name in names]


def random_pixels(shape: tuple[int, ...], dtype: str, high: float = 200) -> np.ndarray:
    return np.random.default_rng(0).uniform(3, high, shape).astype(dtype)


def write_png(path: Path) -> None:
    Image.fromarray(random_pixels((16, 24), "uint8")).save(path)


def write_wide_png(path: Path) -> None:
    """Of another size than the model's, 16 bits, with a resolution."""
    Image.fromarray(random_pixels((19, 20), "uint16", 60_000)).save(path, dpi=(300, 300))


def write_alpha_png(path: Path) -> None:
    channels = random_pixels((16, 24, 2), "uint8")
    Image.fromarray(channels, "LA").save(path)


def write_nifti(path: Path, dtype: str = "int16") -> None:
    pixels = random_pixels((24, 16, 5), dtype, 1000) - np.dtype(dtype).type(500)
    affine = np.array([[-0.9, 0, 0, 10], [0, 0.8, 0.1, -7], [0, -0.1, 2.5, 3], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(pixels, affine), path)


def write_real_nifti(path: Path) -> None:
    write_nifti(path, "float32")


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png": ("a.png", write_png),
    "wide png": ("a.png", write_wide_png),
    "png with transparency": ("a.png", write_alpha_png),
    "nifti": ("a.nii", write_nifti),
    "compressed nifti of real numbers": ("a.nii.gz", write_real_nifti),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_codes_alone_give_the_reconstruction(name: str, model: Model, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file)
    (back,) = there_and_back(model, [tmp_path / file], tmp_path)
    list(reconstruct_files(model, [tmp_path / file], tmp_path / "expected"))
    assert back.name == file
    assert back.read_bytes() == (tmp_path / "expected" / file).read_bytes()


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("max_error", [0, 3.5])
def test_no_pixel_is_off_by_more_than_the_largest_error(
    name: str, max_error: float, model: Model, tmp_path: Path
) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file)
    before = format_of(tmp_path / file).read(tmp_path / file)
    real = before.slices.dtype.kind == "f"
    (back,) = there_and_back(model, [tmp_path / file], tmp_path, max_error=max_error or 0.01 * real)
    after = format_of(back).read(back)
    errors = np.abs(after.slices.astype(np.float64) - before.slices.astype(np.float64))
    assert errors.max() <= (max_error or 0.01 * real)
    assert after.spacing == before.spacing
    lossless = max_error == 0 and not real
    assert lossless == (format_of(back).provenance(back) is None)
    if lossless and "alpha" not in before.properties:
        assert format_of(back).header(back) == format_of(tmp_path / file).header(tmp_path / file)


def test_a_nifti_keeps_its_affine_and_units(model: Model, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii")
    (back,) = there_and_back(model, [tmp_path / "a.nii"], tmp_path)
    first, second = nib.load(tmp_path / "a.nii"), nib.load(back)
    np.testing.assert_array_equal(first.affine, second.affine)
    assert first.header.get_xyzt_units() == second.header.get_xyzt_units()
    assert second.get_data_dtype() == np.int16
    assert b"SYNTHETIC" in bytes(second.header["descrip"])


@pytest.mark.parametrize("max_error", [None, 0])
def test_a_dicom_series_becomes_a_nifti_of_the_same_place(
    max_error: float | None, model: Model, tmp_path: Path
) -> None:
    pixels = volume(3, 16, 24)
    folder = series(tmp_path / "t2", pixels, step=3.0)
    (back,) = there_and_back(model, [folder], tmp_path, max_error=max_error)
    assert back.name == "t2.nii.gz"
    found, expected = FORMATS["nifti"].read(back), FORMATS["dicom"].read(folder)
    assert found.slices.shape == expected.slices.shape
    assert found.spacing == pytest.approx(expected.spacing)
    affine = nib.load(back).affine
    np.testing.assert_allclose(affine @ [2, 0, 0, 1], [10, 20, 6, 1])  # ImagePositionPatient, LPS to RAS
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), [3, 0.5, 0.75])
    assert b"Doe" not in back.read_bytes()
    if max_error == 0:
        np.testing.assert_array_equal(found.slices, pixels)


def test_single_dicom_slices_are_written_as_stored(model: Model, tmp_path: Path) -> None:
    slice_file(tmp_path / "a.dcm", volume(1, 16, 24)[0], position=(0, 0, 0))
    (back,) = there_and_back(model, [tmp_path / "a.dcm"], tmp_path, max_error=0)
    np.testing.assert_array_equal(FORMATS["nifti"].read(back).slices, volume(1, 16, 24))
    assert FORMATS["nifti"].read(back).spacing == (0.5, 0.75)


def test_synthetic_scans_stay_marked(model: Model, tmp_path: Path) -> None:
    scan = Scan(slices=random_pixels((1, 16, 24), "uint8"))
    FORMATS["png"].write(tmp_path / "a.png", scan, Provenance(model="0" * 16, seed=3))
    (back,) = there_and_back(model, [tmp_path / "a.png"], tmp_path, max_error=0)
    mark = FORMATS["png"].provenance(back)
    assert mark is not None
    assert mark.derived == "synthetic"


def test_streams_are_small_and_do_not_depend_on_the_batch(model: Model, tmp_path: Path) -> None:
    scan = Scan(slices=random_pixels((7, 16, 24), "uint8"))

    def stream(batch: int) -> bytes:
        return StreamCodec(model, batch=batch).compress(scan, "npy", steps=lambda count: None)

    assert len({stream(1), stream(3), stream(16)}) == 1
    assert len(stream(3)) <= 7 * GRID[0] * GRID[1] * 0.55 + 40  # untrained: about 4 bits a code
    header, payload = read_stream(stream(1))
    digests = set()
    for batch in (1, 3, 16):
        (codes,) = StreamCodec(model, batch=batch).codes(header, payload, steps=lambda count: None)
        digests.add(hashlib.md5(codes.tobytes()).hexdigest())
    assert digests == {hashlib.md5(model.encode(scan)[0].tobytes()).hexdigest()}


def test_every_damaged_byte_and_every_cut_is_refused(model: Model, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png")
    compress_files(model, [tmp_path / "a.png"], tmp_path / "s", max_error=20, progress=no_progress)
    stream = (tmp_path / "s" / "a.png.svq").read_bytes()
    bad = tmp_path / "bad.svq"
    damaged = [stream[:place] + bytes([stream[place] ^ 4]) + stream[place + 1 :] for place in (2, 5, 20, -9)]
    for content in (*damaged, stream[:-1], stream[:9], b"", stream + b"x"):
        bad.write_bytes(content)
        with pytest.raises((CodecError, UnreadableScan), match=r"bad\.svq"):
            decompress_files(model, [bad], tmp_path / "out", progress=no_progress)
    assert not (tmp_path / "out").exists()
    bad.write_bytes(stream)
    assert decompress_files(model, [bad], tmp_path / "out", progress=no_progress) == [Path("bad.png")]


def test_another_model_is_refused(model: Model, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png")
    compress_files(model, [tmp_path / "a.png"], tmp_path / "s", progress=no_progress)
    streams = stream_files([tmp_path / "s"])
    with pytest.raises(CodecError, match=r"a\.png\.svq cannot be decompressed: .* compressed with model \w+"):
        decompress_files(make_model(seed=1), streams, tmp_path / "out", progress=no_progress)
    damaged = make_model()
    with torch.no_grad():
        next(damaged.prior.parameters()).view(-1)[0] += 1e-3
    with pytest.raises(CodecError, match="compressed with model"):
        decompress_files(damaged, streams, tmp_path / "out", progress=no_progress)
    decompress_files(make_model(), streams, tmp_path / "out", progress=no_progress)


def test_errors_that_cannot_be_kept_are_refused(model: Model, tmp_path: Path) -> None:
    png, scaled = tmp_path / "a.png", tmp_path / "b.nii"
    write_png(png)
    image = nib.Nifti1Image(random_pixels((24, 16, 2), "float64"), np.eye(4))
    nib.save(image, scaled)
    resized = make_model(fit="resize")
    odd = tmp_path / "odd.png"
    Image.fromarray(random_pixels((30, 31), "uint8")).save(odd)
    for used, file, message in (
        (resized, odd, r"odd\.png cannot be compressed: its slices of 30x31 are resampled"),
        (model, scaled, "stored scaled or as 64-bit numbers"),
    ):
        with pytest.raises(CodecError, match=message):
            compress_files(used, [file], tmp_path / "s", max_error=1, progress=no_progress)
        assert there_and_back(used, [file], tmp_path / file.stem)
    assert there_and_back(resized, [png], tmp_path / "fits", max_error=1)


def test_files_of_one_name_and_earlier_outputs(model: Model, tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
        write_png(tmp_path / part / "a.png")
    scans = [tmp_path / part / "a.png" for part in ("one", "two")]
    back = there_and_back(model, scans, tmp_path / "x")
    assert [path.relative_to(tmp_path / "x" / "back").as_posix() for path in back] == [
        "one/a.png",
        "two/a.png",
    ]
    with pytest.raises(OutputError, match="--overwrite"):
        compress_files(model, scans, tmp_path / "x" / "streams", progress=no_progress)
    compress_files(model, scans, tmp_path / "x" / "streams", overwrite=True, progress=no_progress)


def test_what_is_no_stream_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file or folder"):
        stream_files([tmp_path / "none.svq"])
    with pytest.raises(ValueError, match="has no streams, which end in"):
        stream_files([tmp_path])
    (tmp_path / "a.svq").touch()
    assert stream_files([tmp_path, tmp_path / "a.svq"]) == [tmp_path / "a.svq"]
