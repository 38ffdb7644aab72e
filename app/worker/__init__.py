"""What is done without anybody asking for it: jobs, and who runs them.

A slice that has something to do at its time declares a `Job`; `app.jobs` lists them all. Any number of processes run
the same jobs at once (every `serve`, every `yingshang worker`), so a turn claims what it does in the transaction that
does it, and leaves alone what another has claimed.
"""

from __future__ import annotations

from app.worker.job import Context, Job, Numbering, one_by_one
from app.worker.runner import Worker

__all__ = ["Context", "Job", "Numbering", "Worker", "one_by_one"]
