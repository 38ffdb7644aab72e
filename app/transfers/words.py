"""The words of transfers (002_…txt, 四(二); 003_…txt, 二(三)): every list of values that code and database share."""

from __future__ import annotations

from enum import StrEnum


class TransferDirection(StrEnum):
    """On which side of a transfer a row stands."""

    SENT = "SENT"
    RECEIVED = "RECEIVED"


class TransferStatus(StrEnum):
    """How far a transfer is; what becomes of the ticket after its acceptance is told by the tickets."""

    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
