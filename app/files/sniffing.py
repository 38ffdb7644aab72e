"""What a file really is, by its content: an extension is a claim.

Only what is on the list is recognised. Whatever else it is (a program, a macro document, a page with scripts, an
archive, a picture with an archive behind it) is nothing of it, and so refused.
"""

from __future__ import annotations

import codecs
import mmap
import re
import struct
import zipfile
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import BinaryIO

from app.files.names import extension_of
from app.kernel.errors import InvalidInput
from tenants.schemes.words import FileKind

K = FileKind

KINDS: Mapping[FileKind, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        K.PDF: ("application/pdf", ("pdf",)),
        K.OFD: ("application/ofd", ("ofd",)),
        K.DOCX: ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ("docx",)),
        K.XLSX: ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ("xlsx",)),
        K.PPTX: ("application/vnd.openxmlformats-officedocument.presentationml.presentation", ("pptx",)),
        K.DOC: ("application/msword", ("doc",)),
        K.XLS: ("application/vnd.ms-excel", ("xls",)),
        K.JPEG: ("image/jpeg", ("jpg", "jpeg")),
        K.PNG: ("image/png", ("png",)),
        K.HEIC: ("image/heic", ("heic",)),
        K.MP4: ("video/mp4", ("mp4",)),
        K.TEXT: ("text/plain", ("txt",)),
        K.CSV: ("text/csv", ("csv",)),
    }
)
"""The media type and the extensions of every kind."""

_BY_EXTENSION = {extension: kind for kind, (_, extensions) in KINDS.items() for extension in extensions}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), K.HEIC),
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "), K.MP4),
}
_MAIN_PARTS = {"word/document.xml": K.DOCX, "xl/workbook.xml": K.XLSX, "ppt/presentation.xml": K.PPTX}
_MOST_ENTRIES = 10_000
_ACTIVE = re.compile(rb"\s*(?:<!doctype\s+html|<(?:html|head|body|script|svg|\?php|\?xml)|#!|%!ps)", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_CHUNK = 1_048_576


def claimed_kind(field: str, name: str, allowed: Collection[FileKind]) -> FileKind:
    """The kind that a clean name claims. Refuses with `InvalidInput` `file_kind` (what is `allowed` in its data)."""
    kind = _BY_EXTENSION.get(extension_of(name))
    if kind is None or kind not in allowed:
        taken = [extension for each in allowed for extension in KINDS[each][1]]
        raise InvalidInput(field, "file_kind", allowed=taken)
    return kind


def check_content(field: str, file: BinaryIO, kind: FileKind) -> None:
    """Refuses with `InvalidInput` `not_what_it_says` unless the file is of the kind that it claims. Blocks."""
    if kind not in sniff(file):
        raise InvalidInput(field, "not_what_it_says")


def sniff(file: BinaryIO) -> frozenset[FileKind]:
    """The kinds that the content fits: one, or for a text both kinds of texts, or none. The file has a descriptor."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == b"PK\x03\x04":
            found = _zipped(data, file)
        elif _zip_entries(data) is not None:
            found = None  # one file to a viewer, and an archive to whoever opens it from behind
        elif data[:5] == b"%PDF-":
            found = K.PDF
        elif data[:3] == b"\xff\xd8\xff":
            found = K.JPEG
        elif data[:8] == b"\x89PNG\r\n\x1a\n":
            found = K.PNG
        elif data[:8] == _OLE:
            found = _compound(data)
        elif data[4:8] == b"ftyp":
            found = _BRANDS.get(data[8:12])
        else:
            return frozenset({K.TEXT, K.CSV}) if _is_text(data) else frozenset()
    return frozenset() if found is None else frozenset({found})


def _zip_entries(data: mmap.mmap) -> int | None:
    """How many entries the archive has that ends with the file; None: there is no such archive."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if at < 0 or at + 22 > len(data):
        return None
    entries, comment = struct.unpack_from("<H8xH", data, at + 10)
    return int(entries) if at + 22 + comment == len(data) else None


def _zipped(data: mmap.mmap, file: BinaryIO) -> FileKind | None:
    """The office format of an archive; a bare archive, or one with macros, is none."""
    entries = _zip_entries(data)
    if entries is None or entries > _MOST_ENTRIES:
        return None
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            names = {entry.filename for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "OFD.xml" in names:
        return K.OFD
    if "[Content_Types].xml" not in names:
        return None
    return next((kind for part, kind in _MAIN_PARTS.items() if part in names), None)


def _compound(data: mmap.mmap) -> FileKind | None:
    """The old office formats, by the names in the directory of the compound file; those with macros are none."""

    def holds(name: str) -> bool:
        return data.find(name.encode("utf-16-le") + b"\x00\x00") >= 0

    if holds("_VBA_PROJECT") or holds("_VBA_PROJECT_CUR"):
        return None
    if holds("WordDocument"):
        return K.DOC
    return K.XLS if holds("Workbook") or holds("Book") else None


def _is_text(data: mmap.mmap) -> bool:
    """Whether all of it is text in UTF-8 or GB 18030, and none that a browser or a shell would run."""
    if _ACTIVE.match(data[:1_024].removeprefix(codecs.BOM_UTF8)):
        return False
    return any(_decodes(data, encoding) for encoding in ("utf-8", "gb18030"))


def _decodes(data: mmap.mmap, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), _CHUNK):
            text = decoder.decode(data[start : start + _CHUNK], final=start + _CHUNK >= len(data))
            if _CONTROLS.search(text):
                return False
    except UnicodeDecodeError:
        return False
    return True
