"""Looking for malware before a file is taken: by a command of the operator's choice."""

from __future__ import annotations

import asyncio
import logging
import shlex
from pathlib import Path
from typing import Protocol

from app.kernel.errors import InvalidInput, TooSlow

logger = logging.getLogger(__name__)


class Scanner(Protocol):
    """Says whether a file is harmless."""

    async def scan(self, field: str, path: Path) -> None:
        """Refuses an infected file with `InvalidInput` `infected`; raises TooSlow when it cannot be told now."""


class CommandScanner:
    """Runs a command with the file's path behind it: it ends with 0 for a clean file and with 1 for an infected one.

    Anything else, and no answer within `seconds`, is no answer: the file is not taken, and the caller tries again.
    """

    def __init__(self, command: str, seconds: float) -> None:
        self._command = shlex.split(command)
        self._seconds = seconds

    async def scan(self, field: str, path: Path) -> None:
        """See `Scanner`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, str(path)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            logger.exception("The scan command cannot be run")
            raise TooSlow("scan") from error
        try:
            async with asyncio.timeout(self._seconds):
                code = await process.wait()
        except TimeoutError as error:
            logger.error("The scan command took longer than %s s", self._seconds)
            raise TooSlow("scan") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code == 1:
            raise InvalidInput(field, "infected")
        if code != 0:
            logger.error("The scan command ended with %s", code)
            raise TooSlow("scan")
