"""Stream files: headers come back, are short, and every damaged byte is noticed."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanvq.codec.errors import CodecError
from scanvq.codec.scan_properties import pack_properties, unpack_properties
from scanvq.codec.stream_header import StreamHeader, read_stream, write_stream

PICTURE = StreamHeader(model=bytes(range(8)), kind="png", shape=(1, 189, 157), dtype="uint8", low=0, high=255)
VOLUME = StreamHeader(
    model=bytes(range(8)),
    kind="nifti",
    shape=(120, 256, 200),
    dtype="float32",
    low=-3.5,
    high=1e6,
    spacing=(0.9, 1.1),
    synthetic=True,
    max_error=0.25,
    properties=pack_properties({"head": bytes(352), "plane": "axial"}),
)
PAYLOAD = bytes(range(200))


@pytest.mark.parametrize("header", [PICTURE, VOLUME])
def test_a_stream_comes_back(header: StreamHeader) -> None:
    assert read_stream(write_stream(header, PAYLOAD)) == (header, PAYLOAD)


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32"]),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    shape=st.tuples(st.integers(1, 300), st.integers(1, 3000), st.integers(1, 2000)),
)
def test_whole_numbers_come_back(dtype: str, ends: tuple[float, float], shape: tuple[int, int, int]) -> None:
    limits = np.iinfo(dtype)
    low, high = sorted(float(round(limits.min + end * (int(limits.max) - limits.min))) for end in ends)
    header = replace(PICTURE, dtype=dtype, low=low, high=high, shape=shape)
    assert read_stream(write_stream(header, b"")) == (header, b"")


def test_the_header_of_a_picture_is_short() -> None:
    assert len(write_stream(PICTURE, b"")) <= 32


@pytest.mark.parametrize("header", [PICTURE, VOLUME])
def test_every_damaged_byte_is_noticed(header: StreamHeader) -> None:
    stream = write_stream(header, PAYLOAD)
    for place in range(len(stream)):
        for change in (1, 128, 255):
            damaged = bytearray(stream)
            damaged[place] ^= change
            with pytest.raises(CodecError):
                read_stream(bytes(damaged))


@given(data=st.data())
def test_cut_and_lengthened_streams_are_refused(data: st.DataObject) -> None:
    stream = write_stream(VOLUME, PAYLOAD)
    with pytest.raises(CodecError):
        read_stream(stream[: data.draw(st.integers(0, len(stream) - 1))])
    with pytest.raises(CodecError, match="checksum"):
        read_stream(stream + data.draw(st.binary(min_size=1, max_size=9)))


@given(data=st.binary(max_size=80))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        read_stream(b"SVQ\1" + data)


def test_another_version_is_refused_with_both_numbers() -> None:
    with pytest.raises(CodecError, match=r"version 9, or damaged; this ScanVQ reads version 1"):
        read_stream(b"SVQ\x09" + write_stream(PICTURE, PAYLOAD)[4:])


@pytest.mark.parametrize(
    "changes",
    [{"shape": (0, 4, 4)}, {"shape": (2**20, 2**20, 2**20)}, {"low": 9.0, "high": 3.0}, {"high": 256.0}],
)
def test_an_impossible_header_is_refused_though_its_checksum_is_right(changes: dict[str, object]) -> None:
    with pytest.raises(CodecError, match="describes no scan"):
        read_stream(write_stream(replace(PICTURE, **changes), PAYLOAD))  # type: ignore[arg-type]
    assert read_stream(write_stream(replace(PICTURE, low=3.0, high=9.0), PAYLOAD))


def test_properties_come_back() -> None:
    alpha = np.arange(12, dtype=np.uint8).reshape(3, 4)
    properties = {"mode": "LA", "exif": b"\0\xff", "dpi": (72.0, 72.5), "alpha": alpha}
    found = unpack_properties(pack_properties(properties))
    assert np.array_equal(found.pop("alpha"), alpha)
    assert found == {"mode": "LA", "exif": b"\0\xff", "dpi": (72.0, 72.5)}
    assert unpack_properties(pack_properties({})) == {}


@pytest.mark.parametrize(
    "document",
    [b"[1]", b'{"alpha":{"shape":[2]}}', b'{"dpi":[-1,1]}', b'{"mode":"CMYK"}', b'{"a":"b"}', b"?", b'"x"'],
)
def test_other_properties_are_refused(document: bytes) -> None:
    for packed in (document, zlib.compress(document)):
        with pytest.raises(CodecError, match="describes no scan"):
            unpack_properties(packed)
    assert unpack_properties(zlib.compress(b'{"mode":"LA"}')) == {"mode": "LA"}
