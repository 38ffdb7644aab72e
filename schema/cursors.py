"""The cursors of live streams: where in a city's log a client has read to, without telling it the number.

A position counts events of the whole city, restricted ones included, so the differences of plain positions would let
anyone count what they may not see. A cursor is one AES block over position, city and stream; the same place in the
same stream is always the same text. A cursor of another stream does not decode to this one's tag and is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.kernel.errors import BadInput

_BLOCK = struct.Struct(">qi4s")
_CHARACTERS = 22


class FeedCursors:
    """Writes and reads cursors under a key derived from `secret` (the signing key's text: every process has it)."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"yingshang feed cursors 1").derive(secret)
        # One block, every plaintext a different place in a log: nothing here repeats in a way that a mode would hide.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

    def encode(self, position: int, city_id: int, stream: str) -> str:
        """The cursor of a position. `stream` names the list of events: `ticketFeed`, `ticketEvents:<uuid>`."""
        encryptor = self._cipher.encryptor()
        block = encryptor.update(_BLOCK.pack(position, city_id, _tag(stream))) + encryptor.finalize()
        return base64.urlsafe_b64encode(block).rstrip(b"=").decode()

    def decode(self, text: str, city_id: int, stream: str) -> int:
        """The position. Raises BadInput: `malformed_cursor`, or `foreign_cursor` for another stream's or city's.

        A forged text passes with a chance of 2^-64 and gives no more than a place to read on from.
        """
        try:
            block = base64.b64decode(text + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadInput("malformed_cursor") from None
        if len(text) != _CHARACTERS or len(block) != _BLOCK.size:
            raise BadInput("malformed_cursor")
        decryptor = self._cipher.decryptor()
        position, city, tag = _BLOCK.unpack(decryptor.update(block) + decryptor.finalize())
        if city != city_id or tag != _tag(stream) or position < 0:
            raise BadInput("foreign_cursor")
        if self.encode(position, city_id, stream) != text:  # one place, one spelling
            raise BadInput("malformed_cursor")
        return int(position)


def _tag(stream: str) -> bytes:
    return hashlib.sha256(stream.encode()).digest()[:4]
