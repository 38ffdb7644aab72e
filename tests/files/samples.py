"""Small files of every kind, and of those that are refused."""

from __future__ import annotations

import io
import struct
import zipfile


def zipped(*names: str, content: bytes = b"<x/>") -> bytes:
    """An archive with these entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return made.getvalue()


def compound(*names: str) -> bytes:
    """Something that begins as a compound file and has these names in its directory."""
    entries = b"".join((name.encode("utf-16-le") + b"\x00\x00").ljust(128, b"\x00") for name in names)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + entries


def pdf(size: int = 300) -> bytes:
    """A PDF of so many bytes, as far as anybody looks."""
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".ljust(size - 6, b" ") + b"%%EOF\n"


PDF = pdf()
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0) + b"\x00" * 40
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 40 + b"\xff\xd9"
DOCX = zipped("[Content_Types].xml", "word/document.xml")
XLSX = zipped("[Content_Types].xml", "xl/workbook.xml")
PPTX = zipped("[Content_Types].xml", "ppt/presentation.xml")
OFD = zipped("OFD.xml", "Doc_0/Document.xml")
DOC = compound("Root Entry", "WordDocument")
XLS = compound("Root Entry", "Workbook")
HEIC = b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40
MP4 = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 40
TEXT = "暴雨后厂区门口积水三天,货车无法进出。\r\n\t见附图。".encode()
GB_TEXT = "暴雨后厂区门口积水三天".encode("gb18030")
EXE = b"MZ\x90\x00\x03\x00\x00\x00" + b"\x00" * 200

GENUINE = {
    "申请书.pdf": PDF,
    "发票.ofd": OFD,
    "说明.docx": DOCX,
    "台账.xlsx": XLSX,
    "汇报.pptx": PPTX,
    "旧文.doc": DOC,
    "旧表.xls": XLS,
    "现场.jpg": JPEG,
    "现场.JPEG": JPEG,
    "截图.png": PNG,
    "照片.heic": HEIC,
    "录像.mp4": MP4,
    "说明.txt": TEXT,
    "国标.txt": GB_TEXT,
    "清单.csv": "编号,名称\n1,甲\n".encode(),
}

FALSE = {
    "an executable named .pdf": ("发票.pdf", EXE),
    "an executable named .txt": ("说明.txt", EXE),
    "a bare archive named .docx": ("说明.docx", zipped("a.txt")),
    "a sheet named .docx": ("说明.docx", XLSX),
    "a document with macros": ("说明.docx", zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")),
    "an old document with macros": ("旧文.doc", compound("WordDocument", "_VBA_PROJECT")),
    "an installer named .doc": ("旧文.doc", compound("Root Entry", "!_StringData")),
    "a picture with an archive behind it": ("现场.jpg", JPEG + zipped("evil.jar")),
    "a document with an archive behind it": ("申请书.pdf", PDF + zipped("a.txt")),
    "an archive cut off": ("说明.docx", DOCX[:-10]),
    "a page named .txt": ("说明.txt", b"  <!DOCTYPE HTML><script>alert(1)</script>"),
    "a picture with scripts named .txt": ("图.txt", b"\xef\xbb\xbf<svg onload=alert(1)>"),
    "a shell script named .csv": ("清单.csv", b"#!/bin/sh\nrm -rf /\n"),
    "a PDF that begins later": ("申请书.pdf", b"junk" + PDF),
    "text with a NUL": ("说明.txt", b"a\x00b"),
    "text that is cut within a character": ("说明.txt", "积水".encode()[:-1] + b"\xff"),
    "a PNG named .jpg": ("现场.jpg", PNG),
}
