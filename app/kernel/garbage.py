"""The collector of cyclic garbage in a process that serves for long."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled() -> Iterator[None]:
    """While the block runs, do not look again at what is there at its beginning: modules and schema stay for good.

    To look them all over stops the process for a quarter of a second, and everybody who waits for an event with it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
