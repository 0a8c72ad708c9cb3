"""Digital source type of an image, a term of IPTC that says how it came about, as XMP of PNG and JPEG.

Terms: https://cv.iptc.org/newscodes/digitalsourcetype; XMP: ISO 16684-1.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from scanvq.imaging.formats.format import Provenance
from scanvq.imaging.formats.reading import UnreadableScan, open_regular
from scanvq.imaging.formats.software import NAME, software_version

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_CREATED = "trainedAlgorithmicMedia"
_COMPLETED = "compositeWithTrainedAlgorithmicMedia"
_RECONSTRUCTED = "algorithmicallyEnhanced"
_GENERATED = re.compile(
    rb"digitalsourcetype/(?:trainedAlgorithmicMedia|compositeWithTrainedAlgorithmicMedia|compositeSynthetic)\b"
)
_ENDS = 65_536  # bytes of the beginning and of the end of a file; editors put XMP into either


def digital_source_type(provenance: Provenance) -> str:
    """The URI of the IPTC term for a generated image.

    Created images are media of a trained algorithm, completions a composite with them, and reconstructions
    of scans altered by an algorithm; if texture was invented, or if the input was marked as synthetic, they
    are a composite, too.
    """
    if provenance.derived is None:
        return _TERMS + _CREATED
    invented = provenance.seed is not None or provenance.decoder == "natural"
    return _TERMS + (_COMPLETED if invented or provenance.derived == "synthetic" else _RECONSTRUCTED)


def xmp_packet(provenance: Provenance) -> bytes:
    """The XMP packet of a generated image: digital source type, and software with its version."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<Iptc4xmpExt:DigitalSourceType>{digital_source_type(provenance)}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{NAME} {software_version()}</xmp:CreatorTool>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def is_declared_generated(path: Path) -> bool:
    """Whether a file says, by its digital source type, that a trained algorithm made or completed it.

    Packets are found by their bytes, as XMP intends, in the first and the last 64 KiB; those of Content
    Credentials (C2PA) have the same terms. False for unreadable files.
    """
    try:
        with open_regular(path) as file:
            content = file.read(_ENDS)
            file.seek(max(_ENDS, os.fstat(file.fileno()).st_size - _ENDS))
            content += b"\0" + file.read(_ENDS)
    except (UnreadableScan, OSError):
        return False
    return _GENERATED.search(content) is not None
