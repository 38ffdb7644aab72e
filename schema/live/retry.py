"""What a stream does while the database fails."""

from __future__ import annotations

from asyncpg.exceptions import InterfaceError, PostgresError

from app.kernel.errors import TooSlow

RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0, 5.0)
"""The pauses before a payload is read again when the database fails."""
UNREADABLE = "The events cannot be read at the moment: resume from the last cursor"
DATABASE_ERRORS = (OSError, TooSlow, PostgresError, InterfaceError)
