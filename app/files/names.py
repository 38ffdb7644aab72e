"""What a file may be called, pure: the name a person gave it, without what a path, a terminal or a shell would make of
it."""

from __future__ import annotations

import re
import unicodedata

from app.kernel.errors import InvalidInput

LONGEST_BYTES = 200
"""In UTF-8: file systems end at 255, and who stores it may add to it."""

_SEPARATORS = re.compile(r"[/\\]")
_MEANT_BY_SHELLS = re.compile(r'[<>:"|?*]')
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
"""Controls, surrogates, line ends, and format characters: a bidirectional override shows `fdp.exe` as `exe.pdf`."""
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)


def clean_name(field: str, name: str) -> str:
    """The last component of the name, visible characters only, with an extension; Chinese stays as it is.

    Cleaning again changes nothing. Refuses with `InvalidInput` `file_name` when no stem or no extension is left.
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name))[-1]
    visible = "".join(each for each in last if unicodedata.category(each) not in _INVISIBLE)
    plain = _MEANT_BY_SHELLS.sub("_", " ".join(visible.split())).strip(". ")
    stem, dot, extension = plain.rpartition(".")
    stem = stem.rstrip(". ")
    if not dot or not stem or not re.fullmatch(r"[A-Za-z0-9]{1,10}", extension):
        raise InvalidInput(field, "file_name")
    if _DEVICES.fullmatch(stem.partition(".")[0].rstrip()):
        stem = f"_{stem}"
    room = LONGEST_BYTES - len(extension) - 1
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip('. ')}.{extension}"


def extension_of(name: str) -> str:
    """The extension of a clean name, in lower case."""
    return name.rpartition(".")[2].lower()
