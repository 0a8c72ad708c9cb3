"""PNG and JPEG say by a term of IPTC how they came about, and what others marked so is recognized."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scanvq.imaging.formats import FORMATS, Provenance, Scan
from scanvq.imaging.formats.png import with_text
from scanvq.imaging.formats.xmp import digital_source_type, xmp_packet

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
GRAY = np.add.outer(np.arange(24) * 5, np.arange(17) * 7).astype(np.uint8)
MODEL = "0123456789abcdef"
CREATED = Provenance(model=MODEL, seed=3)


def xmp_by_pillow(path: Path) -> dict[str, str | None]:
    """The source type and software in the XMP packet that Pillow finds."""
    with Image.open(path) as image:
        image.load()
        packet = image.info["xmp"]
    assert packet.startswith(b"<?xpacket begin=")
    description = ElementTree.fromstring(packet).find("rdf:RDF/rdf:Description", NAMESPACES)
    assert description is not None
    names = ("Iptc4xmpExt:DigitalSourceType", "xmp:CreatorTool")
    return {name.partition(":")[2]: description.findtext(name, None, NAMESPACES) for name in names}


@pytest.mark.parametrize(
    ("provenance", "term"),
    [
        (CREATED, "trainedAlgorithmicMedia"),
        (Provenance(model=MODEL), "trainedAlgorithmicMedia"),
        (Provenance(model=MODEL, seed=3, derived="scan"), "compositeWithTrainedAlgorithmicMedia"),
        (Provenance(model=MODEL, seed=3, derived="synthetic"), "compositeWithTrainedAlgorithmicMedia"),
        (Provenance(model=MODEL, derived="synthetic"), "compositeWithTrainedAlgorithmicMedia"),
        (
            Provenance(model=MODEL, derived="scan", decoder="natural"),
            "compositeWithTrainedAlgorithmicMedia",
        ),
        (Provenance(model=MODEL, derived="scan"), "algorithmicallyEnhanced"),
    ],
)
@pytest.mark.parametrize(("kind", "suffix"), [("png", ".png"), ("jpeg", ".jpg")])
def test_written_files_have_the_term_that_fits(
    kind: str, suffix: str, provenance: Provenance, term: str, tmp_path: Path
) -> None:
    path = tmp_path / f"image{suffix}"
    FORMATS[kind].write(path, Scan(slices=GRAY[None]), provenance)
    found = xmp_by_pillow(path)
    assert found["DigitalSourceType"] == TERMS + term == digital_source_type(provenance)
    assert re.fullmatch(r"ScanVQ \d+\.\d+\.\d+.*", found["CreatorTool"] or "")
    assert FORMATS[kind].provenance(path) == provenance
    assert FORMATS[kind].is_synthetic(path)


def test_pictures_made_in_memory_have_it_and_plain_text_has_none(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.fromarray(GRAY).save(path)
    plain = path.read_bytes()
    path.write_bytes(with_text(plain, str(CREATED)))
    assert xmp_by_pillow(path)["DigitalSourceType"] == TERMS + "trainedAlgorithmicMedia"
    path.write_bytes(with_text(plain, "a note"))
    with Image.open(path) as image:
        assert image.info == {"Description": "a note"}


def test_a_mark_stands_before_a_long_exif_block(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    scan = Scan(slices=GRAY[None], properties={"mode": "L", "exif": b"Exif\0\0" + bytes(60_000)})
    FORMATS["jpeg"].write(path, scan, CREATED)
    assert FORMATS["jpeg"].provenance(path) == CREATED


def pillow_png(path: Path, packet: bytes) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet.decode())
    Image.fromarray(GRAY).save(path, pnginfo=text)


def png_with_late_xmp(path: Path, packet: bytes) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    assert len(data) > 140_000  # more than both ends
    pillow_png(path, packet)
    chunks = path.read_bytes()
    start = chunks.index(b"iTXt") - 4
    length = 12 + int.from_bytes(chunks[start : start + 4], "big")
    path.write_bytes(data[:-12] + chunks[start : start + length] + data[-12:])


def jpeg_with_xmp(path: Path, packet: bytes) -> None:
    segment = b"http://ns.adobe.com/xap/1.0/\0" + packet
    extra = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    Image.fromarray(GRAY).save(path, extra=extra)


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.png", pillow_png), ("a.png", png_with_late_xmp), ("a.jpg", jpeg_with_xmp)],
    ids=["png", "png, after the pixels", "jpeg"],
)
@pytest.mark.parametrize(
    ("term", "synthetic"),
    [
        ("trainedAlgorithmicMedia", True),
        ("compositeWithTrainedAlgorithmicMedia", True),
        ("compositeSynthetic", True),
        ("algorithmicallyEnhanced", False),
        ("digitalCapture", False),
    ],
)
def test_marks_of_other_software_are_recognized(
    name: str, write: Callable[[Path, bytes], None], term: str, synthetic: bool, tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path, xmp_packet(CREATED).replace(b"trainedAlgorithmicMedia", term.encode()))
    format = FORMATS["png" if name.endswith("png") else "jpeg"]
    assert format.read(path).slices.shape[0] == 1
    assert format.provenance(path) is None
    assert format.is_synthetic(path) == synthetic


def test_a_missing_file_is_not_synthetic(tmp_path: Path) -> None:
    assert not FORMATS["png"].is_synthetic(tmp_path / "none.png")
