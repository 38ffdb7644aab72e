"""Likely duplicates of a ticket at intake: the same enterprise, or a similar text, of late (domain.md, section 5).

How late and how similar, the city's scheme says. Every signature of that time is looked at (an index holds them side by
side, a quarter of a microsecond each), so that none is missed; whoever is similar enough is then asked for, as far as
the viewer may see it. What they may not see is neither ranked nor counted off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Interval,
    Select,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union,
)

from app.kernel.tables import Row
from app.tickets.queries import SIGNATURES, TICKETS, sees_reporter, visible_to, within_reach
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind
from tenants.tree import SCHEMES

SHOWN = 10
"""How many are suggested at most."""
_DAY = literal_column("interval '1 day'", Interval())


@dataclass(frozen=True)
class Told:
    """A problem as it is told: the signature of its text, who reports it (null: nobody that the viewer may know of),
    about when; `itself` is the ticket when there is one already, `scheme_version` the version whose rules hold."""

    bits: ColumnElement[Any]
    enterprise_id: ColumnElement[Any]
    at: ColumnElement[Any]
    scheme_version: ColumnElement[int]
    itself: ColumnElement[Any] | None = None


def told_by(scope: Scope, t: Row, bind: Bind) -> Told:
    """What a ticket tells the viewer."""
    signature = SIGNATURES.alias("of_itself")
    bits = select(signature.c.bits).where(signature.c.city_id == t.c.city_id, signature.c.ticket_id == t.c.id)
    return Told(
        bits=bits.scalar_subquery(),
        enterprise_id=case((sees_reporter(scope, t, bind), t.c.enterprise_id)),
        at=t.c.submitted_at,
        scheme_version=t.c.scheme_version,
        itself=t.c.id,
    )


def likely_duplicates(
    scope: Scope,
    told: Told,
    bind: Bind,
    *,
    named: bool = True,
    asked: ColumnElement[bool] | None = None,
) -> Select[Any]:
    """The tickets (all columns, and `rank` from 1) that may tell of the same problem, the likeliest first.

    A similar text of the same enterprise comes before a similar text, that before anything else of the same
    enterprise; then the more similar, then the newer. Where `asked` does not hold there are none.
    """
    city = bind("city_id", lambda who: who.city_id, Integer())
    rules = _rules(told, city).where(true() if asked is None else asked).cte(nesting=True).prefix_with("materialized")

    def rule(name: str) -> ColumnElement[Any]:
        value: ColumnElement[Any] = select(rules.c[name]).scalar_subquery()
        return value

    # What two signatures share is at most the smaller one, so that one count is enough to leave most behind.
    signature = SIGNATURES.alias("looked_at")
    alike = select(signature.c.ticket_id).where(
        rule("needed").is_not(null()),
        signature.c.city_id == city,
        signature.c.submitted_at.between(rule("since"), rule("until")),
        func.bit_count(signature.c.bits.op("&")(rule("bits"))) >= rule("needed"),
    )
    of_enterprise = TICKETS.alias("of_enterprise")
    own = select(of_enterprise.c.id).where(
        of_enterprise.c.city_id == city,
        of_enterprise.c.enterprise_id == rule("enterprise_id"),
        of_enterprise.c.submitted_at.between(rule("since"), rule("until")),
    )
    found = union(alike, own).subquery("found")
    t = TICKETS.alias("likely")
    # With its OFFSET it stays as it is: one look at the primary key for each that was found.
    seen = (
        select(t)
        .where(t.c.city_id == city, t.c.id == found.c.ticket_id, visible_to(scope, t, bind, named=named))
        .offset(literal_column("0"))
        .lateral("seen")
    )
    theirs = SIGNATURES.alias("theirs")
    shared = func.bit_count(theirs.c.bits.op("&")(rule("bits")))
    either = func.bit_count(theirs.c.bits.op("|")(rule("bits")))
    compared = (
        select(
            *seen.c,
            func.coalesce(cast(shared, Double()) / func.nullif(either, 0), 0).label("similarity"),
            func.coalesce(
                and_(seen.c.enterprise_id == rule("enterprise_id"), sees_reporter(scope, seen, bind)), False
            ).label("same_enterprise"),
        )
        .select_from(
            found.join(seen, true()).outerjoin(
                theirs, and_(theirs.c.city_id == city, theirs.c.ticket_id == found.c.ticket_id)
            )
        )
        .where(seen.c.merged_into_id.is_(null()), seen.c.id.is_distinct_from(rule("itself")))
        .subquery("compared")
    )
    similar = compared.c.similarity >= rule("least")
    order = (
        (similar & compared.c.same_enterprise).desc(),
        similar.desc(),
        compared.c.similarity.desc(),
        compared.c.submitted_at.desc(),
        compared.c.id.desc(),
    )
    return (
        select(*(compared.c[column.name] for column in TICKETS.c), func.row_number().over(order_by=order).label("rank"))
        .where(or_(similar, compared.c.same_enterprise))
        .order_by(*order)
        .limit(literal_column(str(SHOWN)))
        .add_cte(rules, nest_here=True)
    )


def may_be_asked(scope: Scope, t: Row, bind: Bind) -> ColumnElement[bool]:
    """Duplicates are for those who may merge the ticket."""
    return within_reach(scope, Permission.TICKET_MERGE, t, bind)


def _rules(told: Told, city: ColumnElement[int]) -> Select[Any]:
    """What is told, and what the scheme asks of a duplicate, once and for all."""
    scheme = SCHEMES.alias("of_city")
    duplicates = scheme.c.document.op("#>")(literal_column("'{tickets,duplicates}'"))
    least: ColumnElement[Any] = cast(duplicates.op("->>")(literal_column("'similarity'")), Double())
    days = cast(duplicates.op("->>")(literal_column("'within_days'")), Integer()) * _DAY
    return select(
        told.bits.label("bits"),
        cast(told.enterprise_id, Uuid()).label("enterprise_id"),
        cast(null() if told.itself is None else told.itself, Uuid()).label("itself"),
        least.label("least"),
        # Of a text that says nothing, none; whole, since a fraction would be compared at twice the cost.
        func.nullif(cast(func.ceil(least * func.bit_count(told.bits)), BigInteger()), 0).label("needed"),
        (told.at - days).label("since"),
        (told.at + days).label("until"),
    ).where(scheme.c.city_id == city, scheme.c.version == told.scheme_version)
