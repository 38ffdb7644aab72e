"""Takes in the tickets of another platform: in batches, each row once, with the life that it had there.

A row that is known by its number is left as it is, except that what the platform alone has handled goes on as the
platform tells. A batch is one transaction, so that after a kill the same file is simply loaded again.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import any_, bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from app.enterprises.models import Enterprise
from app.kernel.database import Database
from app.kernel.errors import DomainError, InvalidInput, NotResponsible, StaleActor
from app.kernel.tables import Event, table_of
from app.kernel.tabular import Sheet
from app.kernel.unit_of_work import Nobody, UnitOfWork, unit_of_work
from app.tickets.access import access_ticket, facts_of
from app.tickets.actions.submit import ANONYMOUS_CATEGORIES, Reporter, submit
from app.tickets.channels import Origin, acting_by, check_origin
from app.tickets.events import advance, record_comment
from app.tickets.importing.mapping import ImportMapping, Name, Words
from app.tickets.importing.rows import Record, RowReader, Step, heading
from app.tickets.lifecycle import Action, follow_up_outcome
from app.tickets.models import Ticket
from app.tickets.queries import TICKETS
from app.tickets.words import NO_STEPS, SecrecyLevel, TicketEventType, Visibility
from authz.actor import Actor
from authz.permissions import Permission
from authz.roles import Role
from tenants.models import TenantKind
from tenants.schemes.store import current_scheme
from tenants.tree import TenantTree, TenantTreeCache

N = Name
BATCH = 200
ENTERPRISES = table_of(Enterprise)
EVENTS = table_of(Event)
ACTIONS = {
    TicketEventType.ANSWERED: Action.ANSWER,
    TicketEventType.DECLINED: Action.DECLINE,
    TicketEventType.FOLLOWED_UP: Action.FOLLOW_UP,
}
"""What a step on the other platform is here: the desk, which vouches for it, answered, declined or asked back."""
LIVING = tuple(
    column.name
    for column in TICKETS.columns
    if column.computed is None and column.name not in ("city_id", "id", "number", "title", "body")
)
"""The columns that a life may change, and some that it does not."""
_STORE_LIFE = (
    update(TICKETS)
    .where(TICKETS.c.city_id == bindparam("the_city_id"), TICKETS.c.id == bindparam("the_id"))
    .values({name: bindparam(f"the_{name}") for name in LIVING})
)
WHOLE_CITY = ("市级", "市本级", "全市", "市直")
NAMELESS = frozenset({"", "匿名", "不愿透露"})
COLUMN_OF: Mapping[str | None, N] = {
    "category": N.CATEGORY,
    "county": N.COUNTY,
    "enterpriseId": N.ENTERPRISE,
    "reporter": N.REPORTER,
    "reporter.anonymous": N.REPORTER,
    "reporter.name": N.REPORTER,
    "reporter.phone": N.PHONE,
}
"""Where a refusal of `submit` stands in the file; what is not listed is the row's, and stands at its number."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of a cell. A `remark` did not keep the row out."""

    row: int
    column: str
    value: str
    refusal: InvalidInput
    remark: bool = False


@dataclass(slots=True)
class Tally:
    """How many rows were new tickets, went on, were there already, and could not be taken in."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.added + self.updated + self.unchanged + self.refused

    def __iadd__(self, other: Tally) -> Tally:
        self.added += other.added
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.refused += other.refused
        return self


class _Undone(Exception):
    """Ends the transaction of a dry run."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A ticket that has the number already, and what happened to it so far, except what was only said or shown."""

    id: uuid.UUID
    restricted: bool
    title: str
    body: str
    resolution: str | None
    events: tuple[tuple[str, datetime], ...]


class TicketImport:
    """One file on its way into one city, in the name of one intake agent."""

    def __init__(
        self,
        database: Database,
        trees: TenantTreeCache,
        load_actor: Callable[[], Awaitable[Actor]],
        *,
        city_id: int,
        mapping: ImportMapping,
        now: datetime,
        dry_run: bool = False,
    ) -> None:
        self._database = database
        self._trees = trees
        self._load_actor = load_actor
        self._city_id = city_id
        self._mapping = mapping
        self._now = now
        self._dry_run = dry_run
        self._platform = mapping.platform
        self._headings: Mapping[str, str] = {}

    async def run(
        self, sheet: Sheet, tell: Callable[[Sequence[Finding]], None], progress: Callable[[Tally], None]
    ) -> Tally:
        """Take in every row. `tell` gets what is to be said of a batch, `progress` the tally so far, once it is stored.

        With `load_actor` called anew for each batch (it forgets who is stale), a revoked grant ends the import. Raises
        `NotResponsible` for somebody who is no intake agent of the city, and `InvalidInput` of `channel` or `origin`
        where the city's scheme takes no such tickets.
        """
        async with self._database.session(cities=(self._city_id,)) as session:
            _, scheme = await current_scheme(session, self._city_id)
        rules = scheme.tickets
        self._rules = rules
        acting_by(await self._agent(), self._city_id, rules, self._mapping.channel)
        origin = check_origin(rules, self._mapping.channel, Origin(self._mapping.platform, "0"))
        assert origin is not None
        self._platform = origin.platform
        self._headings = sheet.headings
        words = Words(self._mapping, rules, _counties(await self._trees.get(), self._city_id))
        reader = RowReader(sheet.headings, words, rules, ZoneInfo(scheme.calendar.time_zone), self._now)
        total = Tally()
        for records, findings, refused in _batches(reader, sheet):
            tally, more = await self._store(records)
            total += tally
            total.refused += refused
            tell(sorted([*findings, *more], key=lambda finding: finding.row))
            progress(total)
        return total

    async def _agent(self) -> Actor:
        """The one who imports, as the intake agent that they are here and in no other role."""
        actor = await self._load_actor()
        grants = [grant for grant in actor.grants if grant.city_id == self._city_id and grant.role is Role.INTAKE_AGENT]
        if not grants:
            raise NotResponsible(action="TICKET_SUBMIT")
        return replace(actor, grants=tuple(grants))

    async def _store(self, records: Sequence[Record]) -> tuple[Tally, list[Finding]]:
        """One transaction; begun anew when the agent's grants have changed."""
        while records:
            agent = await self._agent()
            try:
                async with unit_of_work(
                    self._database,
                    city_id=self._city_id,
                    user_id=agent.user_id,
                    grants_version=agent.grants_version,
                    now=self._now,
                    sequencer=Nobody(),
                    trees=self._trees,
                ) as uow:
                    result = await self._take(uow, agent, records)
                    if self._dry_run:
                        raise _Undone
            except StaleActor:
                continue
            except _Undone:
                pass
            return result
        return Tally(), []

    async def _take(self, uow: UnitOfWork, agent: Actor, records: Sequence[Record]) -> tuple[Tally, list[Finding]]:
        by_code, by_name = await _enterprises(uow, records)
        known = await self._known(uow, records)
        tally = Tally()
        findings: list[Finding] = []
        added: list[Ticket] = []
        for record in records:
            ticket = known.get(record.number)
            if ticket is not None:
                if await self._go_on(uow, agent, ticket, record, findings):
                    tally.updated += 1
                else:
                    tally.unchanged += 1
                continue
            enterprise_id = by_code.get(record.credit_code) if record.credit_code else by_name.get(record.enterprise)
            try:
                added.append(await self._add(uow, agent, record, enterprise_id))
            except InvalidInput as refusal:  # of the submission, which writes nothing before it is sure
                findings.append(self._finding(record, COLUMN_OF.get(refusal.field, N.NUMBER), refusal))
                tally.refused += 1
                continue
            tally.added += 1
            if enterprise_id is None and (record.credit_code or record.enterprise):
                column = N.CREDIT_CODE if record.credit_code else N.ENTERPRISE
                findings.append(self._remark(record, column, InvalidInput("enterprise", "kept_as_reporter")))
        lived = [
            {f"the_{name}": getattr(ticket, name) for name in ("city_id", "id", *LIVING)}
            for ticket in added
            if ticket.version > 1
        ]
        if lived:
            await uow.session.execute(_STORE_LIFE, lived)
        return tally, findings

    async def _add(self, uow: UnitOfWork, agent: Actor, record: Record, enterprise_id: uuid.UUID | None) -> Ticket:
        """The ticket, submitted like any other, with the life it had; what came after is still to be stored."""
        uow.now = record.submitted_at
        ticket = await submit(
            uow,
            agent,
            category=record.category,
            channel=self._mapping.channel,
            title=record.title,
            body=record.body,
            county=record.county,
            enterprise_id=enterprise_id,
            reporter=_reporter(record, enterprise_id),
            secrecy=record.secrecy,
            origin=Origin(self._platform, record.number),
        )
        if record.handled_by is not None:
            note = f"{self._platform} {heading(self._headings, N.HANDLED_BY)}: {record.handled_by}"
            note = note[: self._rules.texts.note.max]
            record_comment(uow, agent, ticket, Permission.TICKET_NOTE, note=note, visibility=Visibility.INTERNAL)
        for step in record.steps:
            self._take_step(uow, agent, ticket, step)
        return ticket

    async def _go_on(
        self, uow: UnitOfWork, agent: Actor, ticket: _Known, record: Record, findings: list[Finding]
    ) -> bool:
        """What came after, as far as nobody here has done anything since; whether there was any of it.

        Of a restricted ticket nothing is said or done: that its number is known must look like any number that is.
        """
        if ticket.restricted:
            return False
        told = ((str(TicketEventType.SUBMITTED), record.submitted_at), *((str(s.kind), s.at) for s in record.steps))
        done = len(ticket.events)
        theirs = told[:done] == ticket.events
        if not theirs and record.steps and told != ticket.events[: len(told)]:
            findings.append(self._remark(record, N.STATUS, InvalidInput("status", "handled_here")))
        compared = [(N.TITLE, record.title, ticket.title), (N.BODY, record.body, ticket.body)]
        if theirs and done > 1:
            compared.append((N.REPLY, record.steps[0].text or "", ticket.resolution or record.steps[0].text or ""))
        for column, there, here in compared:
            if there != here:
                findings.append(self._remark(record, column, InvalidInput(column.value, "differs_here")))
        if not theirs or done == len(told):
            return False
        steps = record.steps[done - 1 :]
        try:
            row = await access_ticket(uow, agent, ticket.id, ACTIONS[steps[0].kind])
        except DomainError:  # outside the agent's reach, or somebody was faster
            return False
        for step in steps:
            self._take_step(uow, agent, row, step)
        return True

    def _take_step(self, uow: UnitOfWork, agent: Actor, ticket: Ticket, step: Step) -> None:
        """What the other platform did, at its own time, in the name of the agent who vouches for the file."""
        uow.now = step.at
        action = ACTIONS[step.kind]
        if action is not Action.FOLLOW_UP:
            if action is Action.ANSWER:
                ticket.resolution = step.text
            advance(uow, agent, ticket, action, note=step.text)
            return
        low = step.satisfaction in self._rules.follow_up.low_levels
        ticket.satisfaction = None if step.satisfaction is None else step.satisfaction.value
        if low:
            ticket.low_satisfaction_at = step.at
        # It was closed there, so that dissatisfaction opens nothing again here.
        closed = follow_up_outcome(facts_of(ticket), ticket.round, dissatisfied=low, justified=False, rounds=1)
        justified = False if low else None
        advance(uow, agent, ticket, action, to=closed, satisfaction=step.satisfaction, justified=justified)

    async def _known(self, uow: UnitOfWork, records: Sequence[Record]) -> dict[str, _Known]:
        t, e = TICKETS.c, EVENTS.c
        rows = (
            await uow.session.execute(
                select(t.id, t.origin_number, t.secrecy, t.title, t.body, t.resolution)
                .where(t.city_id == uow.city_id, t.origin_platform == self._platform)
                .where(t.origin_number == _any((record.number for record in records), Text()))
                # Of two with one number the one that others may see goes on.
                .order_by(t.secrecy == SecrecyLevel.RESTRICTED, t.submitted_at)
            )
        ).all()
        happened: dict[uuid.UUID, list[tuple[str, datetime]]] = {}
        if rows:
            for event in await uow.session.execute(
                select(e.subject_id, e.type, e.at)
                .where(e.city_id == uow.city_id, e.subject_id == _any((row.id for row in rows), Uuid()))
                .where(*(e.type != kind for kind in sorted(NO_STEPS)))
                .order_by(e.subject_id, e.seq)
            ):
                happened.setdefault(event.subject_id, []).append((event.type, event.at))
        known: dict[str, _Known] = {}
        for row in rows:
            restricted = row.secrecy == SecrecyLevel.RESTRICTED
            events = tuple(happened.get(row.id, ()))
            known.setdefault(row.origin_number, _Known(row.id, restricted, row.title, row.body, row.resolution, events))
        return known

    def _finding(self, record: Record, column: N, refusal: InvalidInput) -> Finding:
        return Finding(record.row.number, heading(self._headings, column), record.row.cells.get(column, ""), refusal)

    def _remark(self, record: Record, column: N, refusal: InvalidInput) -> Finding:
        return replace(self._finding(record, column, refusal), remark=True)


def _batches(reader: RowReader, sheet: Sheet) -> Iterator[tuple[list[Record], list[Finding], int]]:
    """Records for one transaction each, no number twice among them, with what is wrong with the rows in between."""
    records: dict[str, Record] = {}
    findings: list[Finding] = []
    refused = 0
    for row in sheet.rows:
        read = reader.read(row)
        if isinstance(read, Record):
            if read.number in records:
                yield list(records.values()), findings, refused
                records, findings, refused = {}, [], 0
            records[read.number] = read
        else:
            cells = {sheet.headings[name]: value for name, value in row.cells.items()}
            findings += [Finding(each.row, each.column, cells.get(each.column, ""), each.refusal) for each in read]
            refused += 1
        if len(records) + refused >= BATCH:
            yield list(records.values()), findings, refused
            records, findings, refused = {}, [], 0
    yield list(records.values()), findings, refused


def _counties(tree: TenantTree, city_id: int) -> dict[str, str | None]:
    """What a county may be called: by its name, or without 县 or 区 at its end. The city itself is no county."""
    names: dict[str, str | None] = dict.fromkeys(WHOLE_CITY)
    city = tree.by_id(city_id)
    if city is not None:
        names[city.name] = None
    for node in tree.children(city_id):
        if node.kind is TenantKind.COUNTY:
            names |= {node.name: node.path, node.path: node.path}
            if len(node.name) > 2:
                names.setdefault(node.name[:-1], node.path)
    return names


def _reporter(record: Record, enterprise_id: uuid.UUID | None) -> Reporter:
    name = "" if record.reporter in NAMELESS else record.reporter
    if enterprise_id is None and (unknown := record.enterprise or record.credit_code):
        name = f"{unknown}({name})" if name else unknown
    anonymous = enterprise_id is None and not name and not record.phone and record.category in ANONYMOUS_CATEGORIES
    return Reporter(name or None, record.phone or None, anonymous)


async def _enterprises(uow: UnitOfWork, records: Sequence[Record]) -> tuple[dict[str, uuid.UUID], dict[str, uuid.UUID]]:
    """The registered enterprises that the rows speak of: by credit code, and by name where only one has it."""
    c = ENTERPRISES.c
    codes = {record.credit_code for record in records if record.credit_code}
    names = {record.enterprise for record in records if record.enterprise and not record.credit_code}
    by_code: dict[str, uuid.UUID] = {}
    by_name: dict[str, uuid.UUID] = {}
    if codes:
        found = select(c.credit_code, c.id).where(c.city_id == uow.city_id, c.credit_code == _any(codes, Text()))
        by_code = {row.credit_code: row.id for row in await uow.session.execute(found)}
    if names:
        found = (
            select(c.name, func.array_agg(c.id).label("ids"))
            .where(c.city_id == uow.city_id, c.name == _any(names, Text()))
            .group_by(c.name)
        )
        by_name = {row.name: row.ids[0] for row in await uow.session.execute(found) if len(row.ids) == 1}
    return by_code, by_name


def _any(values: Iterable[Any], type_: Text | Uuid[uuid.UUID]) -> Any:
    return any_(literal(sorted(set(values)), ARRAY(type_)))
