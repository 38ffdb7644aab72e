"""How long the texts of the ledger may be, in characters, and how many parts a task may have."""

from __future__ import annotations

from typing import Final

TITLE: Final = 200
TEXT: Final = 4_000
NAME: Final = 100
MOST_CO_OPERATORS: Final = 20
MOST_MILESTONES: Final = 50
MOST_TOGETHER: Final = 300
"""Tasks that one work plan or one inspection issues."""
