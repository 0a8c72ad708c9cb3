"""Compression of scan files to streams, and decompression."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scanvq.codec.errors import CodecError
from scanvq.codec.stream_header import Kind, read_stream
from scanvq.imaging.formats import FORMATS, Source, UnreadableScan, format_of, stem_of
from scanvq.imaging.formats.reading import check_memory, read_bytes
from scanvq.inference.scan_files import distinct_names, names_of, source_of, visible_files
from scanvq.inference.stream_codec import Steps, StreamCodec
from scanvq.model.model import Model
from scanvq.storage.files import write_bytes
from scanvq.storage.output_folder import output_folder
from scanvq.types import Progress

SUFFIX = ".svq"
_SUFFIXES: dict[Kind, tuple[str, ...]] = {"png": (".png",), "nifti": (".nii.gz", ".nii")}


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What was compressed.

    Attributes:
        streams: number of streams.
        stream_bytes: of all streams together.
        file_bytes: of the original files.
        pixels: of all slices.
    """

    streams: int
    stream_bytes: int
    file_bytes: int
    pixels: int


def compress_files(
    model: Model,
    scans: Sequence[Path],
    out: Path,
    *,
    max_error: float | None = None,
    overwrite: bool = False,
    progress: Progress,
) -> Compressed:
    """Writes a stream for each scan: its name with .svq behind it. They appear together.

    Args:
        model: with a prior of the kind gated_pixelcnn or pixelcnn.
        scans: files, see `scan_files`.
        out: the output folder.
        max_error: the largest error of a decompressed pixel in the units of its file; None = codes only.
        overwrite: replace earlier outputs, see `output_folder`.
        progress: called with rows of codes done and all.

    Raises:
        CodecError: a prior that the codec does not support. UnreadableScan: an unusable file.
        OutputError: an output is there already, see `output_folder`.
    """
    codec = StreamCodec(model)
    names = [name.with_name(f"{name.name}{SUFFIX}") for name in names_of(scans)]
    slices = [format_of(path).header(path, plane=model.plane).slices for path in scans]
    steps = _counted(sum(slices) * codec.steps_of_slice, progress)
    files, stream_bytes, pixels = set[Path](), 0, 0
    with output_folder(out, names, overwrite=overwrite) as folder:
        for path, name in zip(scans, names, strict=True):
            scan, format = model.read(path), format_of(path)
            kind = next(kind for kind, each in FORMATS.items() if each is format)
            synthetic = source_of(path) == "synthetic"
            with _naming(path, "compressed"):
                stream = codec.compress(scan, kind, max_error=max_error, synthetic=synthetic, steps=steps)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / name, stream)
            files.update(format.files(path))
            stream_bytes, pixels = stream_bytes + len(stream), pixels + scan.slices.size
    return Compressed(
        streams=len(scans),
        stream_bytes=stream_bytes,
        file_bytes=sum(file.stat().st_size for file in files),
        pixels=pixels,
    )


def decompress_files(
    model: Model, streams: Sequence[Path], out: Path, *, overwrite: bool = False, progress: Progress
) -> list[Path]:
    """Writes the scan of each stream and returns their names. They appear together.

    Scans are marked as derived from a scan, except those without any error.

    Raises:
        CodecError: a damaged stream, or one of another model. OutputError: an output is there already.
    """
    codec = StreamCodec(model)
    opened = []
    for path in streams:
        with _naming(path, "decompressed"):
            opened.append(read_stream(read_bytes(path)))
            check_memory(path, 8 * math.prod(opened[-1][0].shape))
    names = _output_names(streams, [header.kind for header, _ in opened])
    steps = _counted(sum(header.shape[0] for header, _ in opened) * codec.steps_of_slice, progress)
    with output_folder(out, names, overwrite=overwrite) as folder:
        for path, name, (header, payload) in zip(streams, names, opened, strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            derived: Source = "synthetic" if header.synthetic else "scan"
            is_original = header.max_error == 0 and not header.synthetic
            provenance = None if is_original else replace(model.provenance(), derived=derived)
            with _naming(path, "decompressed"):
                scan = codec.decompress(header, payload, steps=steps)
                FORMATS[header.kind].write(folder / name, scan, provenance)
    return names


def stream_files(named: Sequence[Path]) -> list[Path]:
    """The streams of a list of files and folders.

    Raises:
        ValueError: a path that does not exist, or a folder without streams.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = sorted(path / file for file in visible_files(path) if file.suffix == SUFFIX)
            if not inside:
                raise ValueError(f"the folder {path} has no streams, which end in {SUFFIX}")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"there is no file or folder {path}")
    return list(dict.fromkeys(found))


def _counted(total: int, progress: Progress) -> Steps:
    """Adds up steps for a progress bar."""
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    return add


@contextmanager
def _naming(path: Path, done: str) -> Iterator[None]:
    """Adds the name of the file to an error about its content."""
    try:
        yield
    except ValueError as error:
        reason = error.reason if isinstance(error, UnreadableScan) else str(error)
        raise CodecError(f"{path} cannot be {done}: {reason}") from None


def _output_names(streams: Sequence[Path], kinds: Sequence[Kind]) -> list[Path]:
    """The name of each stream without .svq, with a suffix of its kind of file."""
    names = []
    for path, kind in zip(streams, kinds, strict=True):
        name = path.name.removesuffix(SUFFIX)
        fits = name.lower().endswith(_SUFFIXES[kind])
        names.append(name if fits else f"{stem_of(name)}{_SUFFIXES[kind][0]}")
    return distinct_names(streams, names)
