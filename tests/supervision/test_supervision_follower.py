"""Notices that raise themselves: once for each cause, whatever runs at once, dies or begins again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.supervision import follower
from app.supervision.follower import chase_city, follow, follow_city
from app.tickets.sweep import SWEEP
from schema import ids
from tests.schema.conftest import everything_is_numbered
from tests.supervision.conftest import CITY, DESK, DISPATCHER, FINANCE, HANDLER, LEAD, OFFICE, SUPERVISION, Supervised


def told(notices: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """Trigger, times and addressee, the oldest first."""
    return [(each["trigger"], each["times"], each["addressee"]["path"]) for each in reversed(notices)]


async def sweep(s: Supervised) -> None:
    while await SWEEP.turn(s.context):
        pass


async def test_what_is_late_is_chased_once(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    await s.follow()
    assert await s.notices(SUPERVISION) == []
    s.clock.advance(timedelta(days=30))
    await sweep(s)
    await s.follow()
    (notice,) = await s.notices(HANDLER)
    assert told([notice]) == [("OVERDUE", 1, f"{CITY}.commerce")]
    assert (notice["automatic"], notice["reason"], notice["kind"]) == (True, None, "REMINDER")
    assert notice["triggerText"] == "The department did not handle the ticket in time, 1 time(s)"
    assert notice["allowedActions"] == ["REPLY"]
    await sweep(s)
    await s.follow()
    assert len(await s.notices(HANDLER)) == 1
    # And a reminder that is not answered becomes a notice of the second level.
    s.clock.advance(timedelta(days=10))
    await s.follow()
    newest, _ = await s.notices(SUPERVISION)
    assert told([newest]) == [("REMINDER_UNANSWERED", 1, f"{CITY}.commerce")]
    assert (newest["kind"], newest["listed"]) == ("RECTIFICATION", True)
    s.clock.advance(timedelta(days=10))
    await s.follow()
    assert len(await s.notices(SUPERVISION)) == 2
    types = await s.api.data(
        OFFICE,
        "query($id: ID!) { ticket(id: $id) { timeline(last: 9) { edges { node { type actor { role } } } } } }",
        id=ticket,
    )
    issued = [e["node"] for e in types["ticket"]["timeline"]["edges"] if e["node"]["type"] == "NOTICE_ISSUED"]
    assert [each["actor"] for each in issued] == [{"role": None}] * 2


@pytest.mark.parametrize("ending", ["reply", "resolve", "another department"])
async def test_a_reminder_that_did_what_it_asked_for_is_not_chased(supervised: Supervised, ending: str) -> None:
    s = supervised
    ticket = (await s.api.submit())["id"]
    await s.then(ticket, DESK, "ticketAccept")
    await s.then(ticket, DISPATCHER, "ticketDispatch", lead=f"{CITY}.commerce")
    given = {"trigger": "OVERDUE", "reason": "请限期办结。", "ticketId": ticket}
    notice = await s.done(OFFICE, "supervisionNoticeIssue", **given)
    if ending == "reply":
        await s.done(HANDLER, "supervisionNoticeReply", noticeId=notice["id"], reply="正在办理。")
    elif ending == "resolve":
        await s.then(ticket, HANDLER, "ticketAcknowledge")
        await s.then(ticket, HANDLER, "ticketResolve", reply="已现场核实并整改完毕。")
    else:
        await s.then(ticket, LEAD, "ticketReturn", reason="不属于本部门职责范围")
        await s.then(ticket, OFFICE, "ticketArbitrate", lead=f"{CITY}.finance", reason="按职责清单办理")
    s.clock.advance(timedelta(days=10))
    await s.follow()
    assert [each["trigger"] for each in await s.notices(SUPERVISION)] == ["OVERDUE"]


async def test_unanswered_reminders_are_counted_where_the_scheme_wants_several(
    supervised: Supervised, admin: asyncpg.Connection
) -> None:
    s = supervised
    await admin.execute(
        "update schemes s set digest = sha256(digest), document ="
        " jsonb_set(document, '{supervision,levels,1,triggers}',"
        """ '[{"kind": "REMINDER_UNANSWERED", "times": 2}]') from tenants t where t.id = s.city_id and t.path = $1""",
        CITY,
    )
    ticket = await s.ticket()
    for trigger, raised in (("OVERDUE", []), ("NOT_ACKNOWLEDGED", [("REMINDER_UNANSWERED", 2)])):
        await s.done(OFFICE, "supervisionNoticeIssue", trigger=trigger, reason="请限期办结。", ticketId=ticket)
        s.clock.advance(timedelta(days=7))
        await s.follow()
        found = [each for each in await s.notices(SUPERVISION) if each["level"] == 2]
        assert [(each["trigger"], each["times"]) for each in found] == raised
    newest, *_ = await s.notices(SUPERVISION)
    assert newest["triggerText"] == "A reminder about the ticket was not replied to in time, 2 time(s)"


async def test_shirking_and_dissatisfaction_are_listed(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    await s.unsatisfied(ticket)
    await s.then(ticket, HANDLER, "ticketAcknowledge")
    await s.unsatisfied(ticket)
    other = (await s.api.submit())["id"]
    await s.then(other, DESK, "ticketAccept")
    await s.then(other, DISPATCHER, "ticketDispatch", lead=f"{CITY}.commerce")
    await s.then(other, LEAD, "ticketReturn", reason="不属于本部门职责范围")
    await s.then(other, OFFICE, "ticketArbitrate", lead=f"{CITY}.finance", reason="按职责清单办理")
    await s.then(other, FINANCE, "ticketReturn", reason="不属于本部门职责范围")
    await s.follow()
    assert told(await s.notices(SUPERVISION)) == [
        ("UNSATISFIED", 2, f"{CITY}.commerce"),
        ("RETURNED", 2, f"{CITY}.finance"),
    ]
    assert all(each["listed"] for each in await s.notices(SUPERVISION))
    kinds = sorted(kind for kind, _ in await s.told(HANDLER))  # told in a turn, at one moment
    assert kinds == ["ASSIGNED", "ASSIGNED", "ASSIGNED_AGAIN", "NOTICE_ISSUED"]


async def test_the_same_problem_reported_again(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    again = (await s.api.submit(title="用电报装仍未办理"))["id"]
    await s.then(again, DESK, "ticketMerge", intoTicketId=ticket)
    await s.follow()
    assert told(await s.notices(OFFICE)) == [("REPEATED_WHILE_OPEN", 1, f"{CITY}.commerce")]
    reporter = s.api.world.guangyuan.enterprise.login
    answer = await s.api.ask(reporter, "{ notifications { totalCount } }")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_handling_that_fails_the_check_of_quality(supervised: Supervised, admin: asyncpg.Connection) -> None:
    s = supervised
    tickets = [await s.ticket() for _ in range(2)]
    for ticket in tickets:
        await s.then(ticket, HANDLER, "ticketResolve", reply="已现场核实并整改完毕。")
    s.clock.advance(timedelta(days=2))
    document = (
        "mutation($i: QualitySampleDrawInput!) { qualitySampleDraw(input: $i) { qualitySample { id } "
        "userErrors { code } } }"
    )
    checked = "mutation($i: QualityCheckRecordInput!) { qualityCheckRecord(input: $i) { userErrors { code message } } }"
    city = s.api.world.guangyuan.id
    for _ in range(2):  # a sample is a share of what was handled: either ticket, perhaps the same again
        period = {"within": CITY, "from": "2026-03-01", "to": "2026-03-04"}
        sample = (await s.api.data(SUPERVISION, document, i=period))["qualitySampleDraw"]["qualitySample"]["id"]
        key = ids.decode(sample).key
        drawn = await admin.fetchval("select ticket_id from quality_checks where sample_id = $1 limit 1", key)
        found = {
            "sampleId": sample,
            "ticketId": ids.encode("T", city, drawn),
            "passed": False,
            "findings": "未实质解决",
        }
        refused = (await s.api.data(SUPERVISION, checked, i=found))["qualityCheckRecord"]["userErrors"]
        assert refused == []
        await s.follow()
        s.clock.advance(timedelta(minutes=1))
    assert told(await s.notices(SUPERVISION)) == [("IMPROPER_CLOSING_REQUESTED", 2, f"{CITY}.commerce")]


async def test_many_at_once_and_dying_raise_each_once(
    supervised: Supervised, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = supervised
    city = s.api.world.guangyuan.id
    tickets = [await s.ticket() for _ in range(4)]
    s.clock.advance(timedelta(days=30))
    await sweep(s)
    await everything_is_numbered(s.api)
    raise_notice = follower.raise_notice
    deaths = 0

    async def dies_sometimes(*args: Any, **given: Any) -> Any:
        nonlocal deaths
        made = await raise_notice(*args, **given)
        deaths += 1
        if deaths % 2:  # after the notice was written, before the commit
            raise ConnectionResetError("killed")
        return made

    monkeypatch.setattr(follower, "raise_notice", dies_sometimes)

    async def turns() -> None:
        for _ in range(40):
            try:
                await follow_city(s.context, city, s.clock.now())
            except ConnectionResetError:
                continue

    await asyncio.gather(*(turns() for _ in range(3)))
    assert deaths >= 2 * len(tickets)
    assert await admin.fetchval("select count(*) from supervision_notices where trigger = 'OVERDUE'") == 4
    assert await admin.fetchval("select count(distinct ticket_id) from supervision_notices") == 4
    # A cursor that is set back, as by a restore, raises nothing again.
    await admin.execute("update supervision_cursors set position = 0")
    await turns()
    assert await admin.fetchval("select count(*) from supervision_notices") == 4
    s.clock.advance(timedelta(days=10))

    async def chase() -> None:
        for _ in range(20):
            try:
                await chase_city(s.context, city, s.clock.now())
            except ConnectionResetError:
                continue

    await asyncio.gather(*(chase() for _ in range(3)))
    raised = await admin.fetch("select trigger, count(*) from supervision_notices group by 1 order by 1")
    assert [tuple(row) for row in raised] == [("OVERDUE", 4), ("REMINDER_UNANSWERED", 4)]


async def test_a_city_that_fails_keeps_no_other_waiting(
    supervised: Supervised, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = supervised
    await s.ticket()
    await everything_is_numbered(s.api)
    broken = s.api.world.anshan.id
    whole = follower.follow_city

    async def one_fails(context: Any, city_id: int, now: Any) -> int:
        if city_id == broken:
            raise ValueError("a scheme that cannot be read")
        return await whole(context, city_id, now)

    monkeypatch.setattr(follower, "follow_city", one_fails)
    with pytest.raises(ExceptionGroup):
        await follow(s.context)
    assert await admin.fetchval("select position > 0 from supervision_cursors where city_id <> $1", broken)
    assert [kind for kind, _ in await s.told(HANDLER)] == ["ASSIGNED"]


async def test_a_scheme_may_leave_it_to_people(supervised: Supervised, admin: asyncpg.Connection) -> None:
    s = supervised
    away = "jsonb_set(document, '{supervision,levels,0,automatic}', 'false')"
    await admin.execute(f"update schemes set document = {away}, digest = sha256(convert_to({away}::text, 'UTF8'))")
    await s.ticket()
    s.clock.advance(timedelta(days=30))
    await sweep(s)
    await s.follow()
    assert await s.notices(SUPERVISION) == []
