"""NIfTI: any orientation, type, scaling and byte order is displayed correctly and written back exactly."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from scanvq.imaging.formats import FORMATS, PLANES, Plane, Scan, UnreadableScan, check, format_of, output_name

NIFTI = FORMATS["nifti"]
ORIENTATIONS = [
    "".join(pair[sign] for pair, sign in zip(axes, signs, strict=True))
    for axes in permutations(("LR", "PA", "IS"))
    for signs in product((0, 1), repeat=3)
]


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_orientation_shows_the_same_brain_and_is_written_back_byte_for_byte(
    codes: str, tmp_path: Path
) -> None:
    path = tmp_path / "scan.nii"
    stored, affine = turned(body(), codes)
    path.write_bytes(nib.Nifti1Image(stored, affine).to_bytes())
    for plane in PLANES:
        scan = NIFTI.read(path, plane=plane)
        np.testing.assert_array_equal(scan.slices, expected(body(), plane))
        header = NIFTI.header(path, plane=plane)
        assert (header.slices, header.height, header.width) == scan.slices.shape
        NIFTI.write(tmp_path / "back.nii", scan)
        assert (tmp_path / "back.nii").read_bytes() == path.read_bytes()


def test_an_oblique_volume_is_cut_along_its_own_nearest_axes(tmp_path: Path) -> None:
    angle = np.deg2rad(25)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    stored, affine = turned(body(), "LPS")
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(stored, tilt @ affine @ np.diag([0.5, 2, 1.5, 1])), path)
    for plane in PLANES:
        np.testing.assert_array_equal(NIFTI.read(path, plane=plane).slices, expected(body(), plane))


@pytest.mark.parametrize("kind", ["zero", "nan", "quaternion"])
def test_a_useless_affine_counts_as_right_front_head(kind: str, tmp_path: Path) -> None:
    image = nib.Nifti1Image(body(), np.eye(4))
    header = image.header
    header["sform_code"], header["qform_code"] = 1, 0
    header["srow_x"] = header["srow_y"] = header["srow_z"] = 0 if kind == "zero" else np.nan
    if kind == "quaternion":  # longer than 1: no rotation at all
        header["sform_code"], header["qform_code"] = 0, 1
        header["quatern_b"] = header["quatern_c"] = header["quatern_d"] = 9
    path = tmp_path / "scan.nii"
    # nibabel repairs a header that it saves, so that the broken one is written by hand
    path.write_bytes(header.binaryblock + b"\0\0\0\0" + body().tobytes(order="F"))
    data = bytearray(path.read_bytes())
    data[108:112] = np.float32(352).tobytes()
    path.write_bytes(bytes(data))
    np.testing.assert_array_equal(NIFTI.read(path).slices, expected(body(), "axial"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stored", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_types_and_byte_orders(stored: str, order: str, suffix: str, tmp_path: Path) -> None:
    values = np.arange(60).reshape(3, 4, 5).astype(f"{order}{stored}")
    header = nib.Nifti1Header(endianness=order)
    path = save(tmp_path / f"scan{suffix}", values, header)
    scan = NIFTI.read(path)
    kept = {"u1": "u1", "i1": "i2", "i2": "i2", "u2": "u2", "f4": "f4", "f8": "f4"}
    assert scan.slices.dtype == np.dtype(kept.get(stored, "i4")) == NIFTI.header(path).dtype
    np.testing.assert_array_equal(scan.slices, expected(values, "axial"))
    back = tmp_path / f"back{suffix}"
    NIFTI.write(back, scan)
    assert plain(back) == plain(path)


@pytest.mark.parametrize(("slope", "intercept"), [(0.25, -3), (-2, 1000), (1 / 3, 0), (1e-4, 1e4)])
@pytest.mark.parametrize("stored", ["u1", "i2", "i4", "f8"])
def test_scaled_voxels_are_read_in_their_units_and_written_back_exactly(
    stored: str, slope: float, intercept: float, tmp_path: Path
) -> None:
    values = np.arange(60).reshape(3, 4, 5).astype(stored)
    if stored == "i4":
        values += 2_000_000_000  # more digits than float32 holds
    header = nib.Nifti1Header()
    header["scl_slope"], header["scl_inter"] = slope, intercept
    path = save(tmp_path / "scan.nii", values, header)
    scan = NIFTI.read(path)
    assert scan.slices.dtype == np.float32
    own = values.astype(np.float64) * np.float32(slope) + np.float32(intercept)
    np.testing.assert_allclose(scan.slices, expected(own, "axial"), rtol=1e-6, atol=1e-6)
    NIFTI.write(tmp_path / "back.nii", scan)
    assert (tmp_path / "back.nii").read_bytes() == path.read_bytes()


def test_a_value_beyond_float32_is_reported_as_infinite(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header["scl_slope"] = 1e30
    for scaling in (nib.Nifti1Header(), header):
        path = save(tmp_path / "scan.nii", np.array([[0.0, 1e300]]), scaling)
        assert check(NIFTI.read(path)) == "1 of 2 pixels are NaN or infinite"


def test_only_changed_voxels_are_rounded(tmp_path: Path) -> None:
    """Completing a float64 scan must leave its known voxels bit for bit as they were."""
    values = np.random.default_rng(0).normal(size=(3, 4, 5))
    path = save(tmp_path / "scan.nii", values, nib.Nifti1Header())
    scan = NIFTI.read(path, plane="coronal")
    changed = scan.slices.copy()
    changed[:, :2] = 0.1
    NIFTI.write(path, replace(scan, slices=changed))
    again = np.asanyarray(nib.load(path).dataobj)
    upper, lower = expected(again, "coronal")[:, :2], expected(again, "coronal")[:, 2:]
    np.testing.assert_array_equal(lower, expected(values, "coronal")[:, 2:])
    np.testing.assert_array_equal(upper, np.full_like(upper, np.float32(0.1)))


@pytest.mark.parametrize(
    ("shape", "slices"),
    [
        ((6, 5), (1, 6, 5)),
        ((6, 5, 1), (1, 6, 5)),
        ((6, 5, 1, 1), (1, 6, 5)),
        ((6, 5, 3, 1, 1), (3, 5, 6)),
        ((1, 6, 5), (1, 5, 6)),  # a single sagittal slice
        ((6, 1, 5), (1, 5, 6)),  # a single coronal one
    ],
)
def test_axes_of_one(shape: tuple[int, ...], slices: tuple[int, int, int], tmp_path: Path) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = save(tmp_path / "case_004_week_0_slice_0.nii.gz", values, nib.Nifti1Header())
    scan, header = NIFTI.read(path), NIFTI.header(path)
    assert scan.slices.shape == slices == (header.slices, header.height, header.width)
    if slices == (1, 6, 5):
        np.testing.assert_array_equal(scan.slices[0], values.reshape(6, 5))
    assert bool(header.remarks) == (len(shape) > 2 and shape[-1] == 1)
    NIFTI.write(tmp_path / "back.nii.gz", scan)
    back = nib.load(tmp_path / "back.nii.gz")
    assert back.shape == shape
    np.testing.assert_array_equal(back.get_fdata(dtype=np.float32), values)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((4, 5, 3, 2), r"4 axes \(4x5x3x2\)"), ((4, 5, 1, 2), "4 axes"), ((60,), r"1 axes \(60\)")],
)
def test_other_numbers_of_axes_are_refused(shape: tuple[int, ...], reason: str, tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii", np.zeros(shape, np.float32), nib.Nifti1Header())
    for look in (NIFTI.header, NIFTI.read):
        with pytest.raises(UnreadableScan, match=reason):
            look(path)


@pytest.mark.parametrize("stored", ["c8", "V3"])
def test_colors_and_complex_numbers_are_refused(stored: str, tmp_path: Path) -> None:
    values = np.zeros(
        (4, 5, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]) if stored == "V3" else stored
    )
    path = save(tmp_path / "scan.nii", values, nib.Nifti1Header())
    with pytest.raises(UnreadableScan, match="only gray integers or real numbers"):
        NIFTI.header(path)


def test_integers_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii", np.full((4, 5), 2**40), nib.Nifti1Header())
    with pytest.raises(UnreadableScan, match="beyond 32 bits"):
        NIFTI.read(path)


def test_nifti_2_and_extensions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    image = nib.Nifti2Image(body(), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"left hand up"))
    nib.save(image, path)
    scan = NIFTI.read(path)
    np.testing.assert_array_equal(scan.slices, expected(body(), "axial"))
    NIFTI.write(tmp_path / "back.nii.gz", scan)
    assert plain(tmp_path / "back.nii.gz") == plain(path)


def test_a_gzip_file_in_several_members_and_one_named_nii(tmp_path: Path) -> None:
    whole = nib.Nifti1Image(body(), np.eye(4)).to_bytes()
    for name, data in [
        ("blocks.nii.gz", b"".join(gzip.compress(whole[at : at + 100]) for at in range(0, len(whole), 100))),
        ("packed.nii", gzip.compress(whole)),
        ("plain.nii.gz", whole),
    ]:
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(NIFTI.read(tmp_path / name).slices, expected(body(), "axial"))
        assert NIFTI.header(tmp_path / name).slices == 4


def test_a_damaged_checksum_is_noticed(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(nib.Nifti1Image(body(), np.eye(4)).to_bytes()))
    data[-6] ^= 1
    (tmp_path / "scan.nii.gz").write_bytes(bytes(data))
    with pytest.raises(UnreadableScan, match="damaged gzip file"):
        NIFTI.read(tmp_path / "scan.nii.gz")


def test_a_scan_of_another_shape_is_not_written(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii", body(), nib.Nifti1Header())
    scan = NIFTI.read(path)
    with pytest.raises(ValueError, match="slices have shape"):
        NIFTI.write(path, replace(scan, slices=scan.slices[:1]))


def test_a_new_volume_opens_the_right_way_up_elsewhere(tmp_path: Path) -> None:
    slices = expected(body(), "axial").astype(np.float32)
    NIFTI.write(tmp_path / "new.nii.gz", Scan(slices=slices))
    image = nib.load(tmp_path / "new.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    np.testing.assert_array_equal(image.get_fdata(), body())


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_channel_of_four_axes_is_a_volume(suffix: str, tmp_path: Path) -> None:
    path, affine = tmp_path / f"brain{suffix}", np.diag([-1.0, 2, 3, 1])
    channels = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(channels, affine), path)
    for number in range(3):
        channel = path / str(number)
        assert format_of(channel) is NIFTI
        scan, header = NIFTI.read(channel), NIFTI.header(channel)
        assert (header.slices, header.height, header.width) == scan.slices.shape == (6, 5, 4)
        assert header.spacing == scan.spacing == (2.0, 1.0)
        name, format = output_name(channel)
        assert (name, format) == (f"brain_{number}{suffix}", NIFTI)
        format.write(tmp_path / name, scan)
        back = nib.load(tmp_path / name)
        np.testing.assert_array_equal(back.get_fdata(), channels[..., number])
        np.testing.assert_array_equal(back.affine, affine)
        assert list(NIFTI.files(channel)) == [path]
    for look in (NIFTI.read, NIFTI.header):
        with pytest.raises(UnreadableScan, match="no such channel: the file has the shape 4x5x6x3") as caught:
            look(path / "3")
        assert caught.value.path == path / "3"
        with pytest.raises(UnreadableScan, match=rf"has 4 axes.*name a channel, as brain\{suffix}/0"):
            look(path)


@pytest.mark.parametrize(
    "path", sorted((Path(nib.__file__).parent / "tests" / "data").glob("*.nii*")), ids=lambda path: path.name
)
def test_files_of_nibabel_are_read_rightly_or_refused(path: Path, tmp_path: Path) -> None:
    image = nib.load(path)
    if image.ndim > 3 or not hasattr(image, "as_reoriented"):  # a time series, a surface
        with pytest.raises(UnreadableScan, match="axes"):
            NIFTI.read(path)
        return
    canonical = nib.as_closest_canonical(image).get_fdata(dtype=np.float32)
    scan = NIFTI.read(path, plane="sagittal")
    np.testing.assert_array_equal(scan.slices, expected(canonical, "sagittal"))
    NIFTI.write(tmp_path / path.name, scan)
    assert plain(tmp_path / path.name) == plain(path)


def body() -> np.ndarray:
    """A volume stored right, front, head."""
    return np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def expected(volume: np.ndarray, plane: Plane) -> np.ndarray:
    """What must be seen of a volume stored right, front, head: front or head up, by nested loops."""
    right, front, head = volume.shape
    if plane == "axial":  # from the feet up; the patient's right on the left
        looks = [
            [[volume[x, y, z] for x in reversed(range(right))] for y in reversed(range(front))]
            for z in range(head)
        ]
    elif plane == "coronal":
        looks = [
            [[volume[x, y, z] for x in reversed(range(right))] for z in reversed(range(head))]
            for y in range(front)
        ]
    else:  # the front on the left
        looks = [
            [[volume[x, y, z] for y in reversed(range(front))] for z in reversed(range(head))]
            for x in range(right)
        ]
    return np.array(looks)


def turned(volume: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    """A volume stored right, front, head as it is stored in another orientation, and its affine."""
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(codes)
    )
    return (
        nib.orientations.apply_orientation(volume, turn),
        nib.orientations.inv_ornt_aff(turn, volume.shape),
    )


def save(path: Path, values: np.ndarray, header: nib.Nifti1Header) -> Path:
    """Writes stored values as they are: nibabel itself would choose another scaling."""
    header = header.copy()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    header.set_sform(np.eye(4), code=1)
    data = header.binaryblock + b"\0\0\0\0" + values.tobytes(order="F")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def plain(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
