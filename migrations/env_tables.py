"""Every module with tables, imported: `Base.metadata` is complete once this is. A new slice's models join here."""

from __future__ import annotations

import app.aggregates.models as aggregates
import app.deadlines.models as deadlines
import app.enterprises.models as enterprises
import app.files.models as files
import app.integrity.models as integrity
import app.rectification.models as rectification
import app.responsibility.models as responsibility
import app.supervision.models as supervision
import app.tickets.models as tickets
import app.transfers.models as transfers
import authz.models as grants
import tenants.models as tree
from app.kernel import tables

MODELS = (
    *(tables, tree, grants, aggregates, enterprises, deadlines, files, integrity, rectification, responsibility),
    *(supervision, tickets, transfers),
)
