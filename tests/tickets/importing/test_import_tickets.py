"""Tickets of another platform in the database: each once, with its life, and only what that platform still owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.events import first_broken
from app.tickets.actions.accept import accept
from app.tickets.actions.comment import comment
from app.tickets.actions.submit import Reporter
from app.tickets.channels import Origin
from app.tickets.importing import run
from app.tickets.importing.mapping import ImportMapping
from app.tickets.importing.run import Finding, Tally, TicketImport
from app.tickets.words import SecrecyLevel, TicketCategory, TicketChannel, Visibility
from authz.roles import Role
from tests.tickets.importing.export import CLOSED_CALL, OPEN_CALL, calls, write
from tests.tickets.town import AGENT, Town, give_schemes

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@dataclass
class Loaded:
    """What an import said."""

    tally: Tally
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return (self.tally.added, self.tally.updated, self.tally.unchanged, self.tally.refused)

    @property
    def said(self) -> list[tuple[int, str, str, bool]]:
        return [(each.row, each.column, each.refusal.rule, each.remark) for each in self.findings]


async def load(
    town: Town,
    path: Path,
    *rows: Mapping[str, str],
    login: str = AGENT,
    city: str = "guangyuan",
    dry_run: bool = False,
    mapping: ImportMapping | None = None,
    **how: Any,
) -> Loaded:
    mapping = mapping or ImportMapping()
    write(path / "export.csv", *rows, **how)

    async def load_actor() -> Any:
        return await town.actor(login)

    loaded = Loaded(Tally())
    task = TicketImport(
        *(town.database, town.trees, load_actor),
        city_id=town.world.tenant(city),
        mapping=mapping,
        now=NOW,
        dry_run=dry_run,
    )

    def tell(findings: Sequence[Finding]) -> None:
        loaded.findings += findings

    loaded.tally = await task.run(mapping.open(path / "export.csv"), tell, lambda _tally: None)
    assert loaded.tally.rows == len(rows)
    return loaded


async def the(town: Town, number: str, city: str = "guangyuan") -> dict[str, Any]:
    """The one ticket with the number."""
    (row,) = await town.admin.fetch(
        "select * from tickets where origin_number = $1 and city_id = $2", number, town.world.tenant(city)
    )
    return dict(row)


async def everything(town: Town) -> list[Any]:
    """All that an import could have changed."""
    return [
        await town.admin.fetch(f"select * from {table} order by 1, 2, 3")
        for table in ("tickets", "events", "deadlines", "ticket_named_persons", "enterprises")
    ]


async def test_an_open_call_begins_its_life_here(town: Town, tmp_path: Path) -> None:
    loaded = await load(town, tmp_path, OPEN_CALL)
    assert (loaded.counts, loaded.said) == ((1, 0, 0, 0), [])
    row = await the(town, "GD0001")
    assert row == {
        **row,
        "origin_platform": "12345",
        "channel": "HOTLINE",
        "category": "HELP",
        "status": "SUBMITTED",
        "version": 1,
        "county_id": town.world.tenant("guangyuan.cangxi"),
        "enterprise_id": None,
        "reporter_name": "王先生",
        "reporter_phone": "13800000000",
        "submitter_id": town.world.user(AGENT),
        "submitted_at": datetime(2026, 1, 5, 1, 30, tzinfo=UTC),
    }
    assert row["number"].startswith("GY-20260105-")
    (event,) = await town.timeline(row["id"])
    assert (event["type"], event["at"], event["actor_role"]) == ("SUBMITTED", row["submitted_at"], "INTAKE_AGENT")
    assert event["actor_id"] == town.world.user(AGENT)
    assert await town.do(AGENT, accept, row["id"])  # and goes on like any other


async def test_a_closed_call_comes_with_the_life_it_had(town: Town, tmp_path: Path) -> None:
    assert (await load(town, tmp_path, CLOSED_CALL)).counts == (1, 0, 0, 0)
    row = await the(town, "GD0002")
    begun, ended = datetime(2026, 1, 5, 1, 30, tzinfo=UTC), datetime(2026, 1, 8, 8, 0, tzinfo=UTC)
    assert row == {
        **row,
        "status": "CLOSED",
        "version": 3,
        "round": 1,
        "satisfaction": "SATISFIED",
        "resolution": "已疏通排水管道。",
        "submitted_at": begun,
        "resolved_at": ended,
        "closed_at": ended,
        "low_satisfaction_at": None,
    }
    events = await town.timeline(row["id"])
    assert first_broken(events) is None
    assert [(event["type"], event["at"], event["version"], event["visibility"]) for event in events] == [
        ("SUBMITTED", begun, 1, "PUBLIC"),
        ("COMMENTED", begun, 1, "INTERNAL"),
        ("ANSWERED", ended, 2, "PUBLIC"),
        ("FOLLOWED_UP", ended, 3, "PUBLIC"),
    ]
    assert events[1]["data"] == {"note": "12345 承办单位: 市商务局"}
    assert [event["data"].get("toStatus") for event in events] == ["SUBMITTED", None, "ANSWERED", "CLOSED"]
    assert events[3]["data"]["satisfaction"] == "SATISFIED"
    assert {event["actor_role"] for event in events} == {"INTAKE_AGENT"}
    running = "select count(*) from deadlines where subject_id = $1 and ended_at is null"
    assert await town.admin.fetchval(running, row["id"]) == 0


async def test_what_was_said_of_it_there_opens_nothing_here(town: Town, tmp_path: Path) -> None:
    unhappy = {**CLOSED_CALL, "满意度": "非常不满意"}
    silent = {**CLOSED_CALL, "工单编号": "GD0003", "满意度": ""}
    declined = {**CLOSED_CALL, "工单编号": "GD0004", "办理状态": "不予受理", "答复内容": "已由法院受理。"}
    waiting = {**CLOSED_CALL, "工单编号": "GD0005", "办理状态": "已办结", "满意度": ""}
    assert (await load(town, tmp_path, unhappy, silent, declined, waiting)).counts == (4, 0, 0, 0)
    row = await the(town, "GD0002")
    assert (row["status"], row["satisfaction"]) == ("CLOSED", "VERY_UNSATISFIED")
    assert row["low_satisfaction_at"] == row["closed_at"]
    row = await the(town, "GD0003")
    assert (row["status"], row["satisfaction"]) == ("CLOSED", None)
    row = await the(town, "GD0004")
    assert (row["status"], row["resolution"]) == ("DECLINED", None)
    assert (await town.timeline(row["id"]))[-1]["data"]["note"] == "已由法院受理。"
    assert (await the(town, "GD0005"))["status"] == "ANSWERED"


async def test_loading_again_changes_nothing(town: Town, tmp_path: Path) -> None:
    rows = list(calls(30))
    assert (await load(town, tmp_path, *rows)).counts == (30, 0, 0, 0)
    before = await everything(town)
    again = await load(town, tmp_path, *rows, encoding="gb18030")
    assert (again.counts, again.said) == ((0, 0, 30, 0), [])
    assert await everything(town) == before


async def test_more_of_the_same_file_adds_what_is_new(town: Town, tmp_path: Path) -> None:
    rows = list(calls(12))
    await load(town, tmp_path, *rows[:5])
    assert (await load(town, tmp_path, *rows)).counts == (7, 0, 5, 0)


async def test_what_ended_there_since_ends_here(town: Town, tmp_path: Path) -> None:
    later = {**CLOSED_CALL, "工单编号": "GD0001", "承办单位": ""}
    answered = {**later, "办理状态": "已办结", "满意度": ""}
    await load(town, tmp_path, OPEN_CALL)
    assert (await load(town, tmp_path, answered)).counts == (0, 1, 0, 0)
    assert (await the(town, "GD0001"))["status"] == "ANSWERED"
    assert (await load(town, tmp_path, OPEN_CALL)).counts == (0, 0, 1, 0)  # an older export takes nothing back
    assert (await the(town, "GD0001"))["status"] == "ANSWERED"
    assert (await load(town, tmp_path, later)).counts == (0, 1, 0, 0)
    row = await the(town, "GD0001")
    assert (row["status"], row["version"], row["satisfaction"]) == ("CLOSED", 3, "SATISFIED")
    assert row["closed_at"] == datetime(2026, 1, 8, 8, 0, tzinfo=UTC)
    events = await town.timeline(row["id"])
    assert [event["type"] for event in events] == ["SUBMITTED", "ANSWERED", "FOLLOWED_UP"]
    assert first_broken(events) is None
    assert (await load(town, tmp_path, later)).counts == (0, 0, 1, 0)


async def test_a_note_of_the_desk_is_no_handling(town: Town, tmp_path: Path) -> None:
    await load(town, tmp_path, OPEN_CALL)
    ticket_id = (await the(town, "GD0001"))["id"]
    await town.do(AGENT, comment, ticket_id, body="已向热线核实。", visibility=Visibility.INTERNAL)
    assert (await load(town, tmp_path, {**CLOSED_CALL, "工单编号": "GD0001"})).counts == (0, 1, 0, 0)
    events = await town.timeline(ticket_id)
    assert [event["type"] for event in events] == ["SUBMITTED", "COMMENTED", "ANSWERED", "FOLLOWED_UP"]
    assert first_broken(events) is None


async def test_calls_from_before_the_calendar_come_too(town: Town, tmp_path: Path) -> None:
    old = {**CLOSED_CALL, "受理时间": "1999-12-31 16:59", "办结时间": "2000-02-29 09:00"}
    assert (await load(town, tmp_path, old, {**OPEN_CALL, "受理时间": "1970-01-02"})).counts == (2, 0, 0, 0)
    assert (await the(town, "GD0002"))["number"].startswith("GY-19991231-")


async def test_what_the_city_handles_itself_is_left_to_it(town: Town, tmp_path: Path) -> None:
    await load(town, tmp_path, OPEN_CALL)
    ticket_id = (await the(town, "GD0001"))["id"]
    await town.do(AGENT, accept, ticket_id)
    before = await everything(town)
    loaded = await load(town, tmp_path, {**CLOSED_CALL, "工单编号": "GD0001"})
    assert (loaded.counts, loaded.said) == ((0, 0, 1, 0), [(2, "办理状态", "handled_here", True)])
    assert await everything(town) == before


async def test_a_call_that_the_desk_took_down_itself_is_known(town: Town, tmp_path: Path) -> None:
    hotline = {"channel": TicketChannel.HOTLINE, "reporter": Reporter("王先生"), "origin": Origin("12345", "GD0002")}
    await town.submit(AGENT, **hotline)
    loaded = await load(town, tmp_path, CLOSED_CALL)
    assert loaded.counts == (0, 0, 1, 0)
    assert (2, "办理状态", "handled_here", True) in loaded.said
    assert (await the(town, "GD0002"))["status"] == "SUBMITTED"


async def test_a_changed_text_is_said_and_left(town: Town, tmp_path: Path) -> None:
    await load(town, tmp_path, CLOSED_CALL)
    before = await everything(town)
    loaded = await load(town, tmp_path, {**CLOSED_CALL, "诉求标题": "改过的标题", "答复内容": "改过的答复"})
    assert loaded.counts == (0, 0, 1, 0)
    assert loaded.said == [(2, "诉求标题", "differs_here", True), (2, "答复内容", "differs_here", True)]
    assert await everything(town) == before


async def test_a_number_twice_in_one_file_is_one_ticket_that_went_on(town: Town, tmp_path: Path) -> None:
    later = {**CLOSED_CALL, "工单编号": "GD0001", "承办单位": ""}
    assert (await load(town, tmp_path, OPEN_CALL, OPEN_CALL, later)).counts == (1, 1, 1, 0)
    assert (await the(town, "GD0001"))["status"] == "CLOSED"


async def test_bad_rows_are_said_and_can_be_loaded_once_they_are_right(town: Town, tmp_path: Path) -> None:
    bad = [
        {**OPEN_CALL, "工单编号": "GD1", "受理时间": "2026-02-30 09:00"},
        {**OPEN_CALL, "工单编号": "GD2", "联系人": ""},
        {**OPEN_CALL, "工单编号": "GD3", "诉求内容": "水" * 100_000},
        {**OPEN_CALL, "工单编号": "GD4", "联系电话": "1" * 41},
        {**OPEN_CALL, "工单编号": "GD5", "诉求类型": "表扬"},
    ]
    loaded = await load(town, tmp_path, *bad, OPEN_CALL)
    assert loaded.counts == (1, 0, 0, 5)
    assert loaded.said == [
        (2, "受理时间", "not_a_time", False),
        (3, "联系人", "empty", False),
        (4, "诉求内容", "too_long", False),
        (5, "联系电话", "too_long", False),
        (6, "诉求类型", "unknown_word", False),
    ]
    assert loaded.findings[3].value == "1" * 41
    right = [{**OPEN_CALL, "工单编号": f"GD{number}"} for number in range(1, 6)]
    assert (await load(town, tmp_path, *right, OPEN_CALL)).counts == (5, 0, 1, 0)


async def test_enterprises_are_found_by_code_and_then_by_a_name_of_their_own(town: Town, tmp_path: Path) -> None:
    first, second = town.world.guangyuan.enterprises
    await town.admin.execute(
        "insert into enterprises (city_id, id, credit_code, name, kind, industry_code, county_id, created_at)"
        " select city_id, gen_random_uuid(), '91510800TWIN00000X', name, kind, industry_code, county_id, now()"
        " from enterprises where id = $1",
        second.id,
    )
    rows = [
        {**OPEN_CALL, "工单编号": "1", "统一社会信用代码": first.credit_code.lower(), "企业名称": "写错的名称"},
        {**OPEN_CALL, "工单编号": "2", "企业名称": first.name, "联系人": ""},
        {**OPEN_CALL, "工单编号": "3", "企业名称": second.name},  # two have that name
        {**OPEN_CALL, "工单编号": "4", "统一社会信用代码": town.world.anshan.enterprise.credit_code, "联系人": ""},
        {**OPEN_CALL, "工单编号": "5", "企业名称": "不在库中的公司", "联系人": ""},
    ]
    loaded = await load(town, tmp_path, *rows)
    assert loaded.counts == (5, 0, 0, 0)
    assert loaded.said == [
        (4, "企业名称", "kept_as_reporter", True),
        (5, "统一社会信用代码", "kept_as_reporter", True),
        (6, "企业名称", "kept_as_reporter", True),
    ]
    found = [await the(town, number) for number in "12345"]
    assert [row["enterprise_id"] for row in found] == [first.id, first.id, None, None, None]
    assert [row["reporter_name"] for row in found] == [
        "王先生",
        None,
        f"{second.name}(王先生)",
        town.world.anshan.enterprise.credit_code,
        "不在库中的公司",
    ]
    assert await town.admin.fetchval("select count(*) from enterprises where name = '不在库中的公司'") == 0


async def test_who_gave_no_name_complained_namelessly(town: Town, tmp_path: Path) -> None:
    nameless = {**OPEN_CALL, "诉求类型": "投诉", "联系人": "匿名", "联系电话": ""}
    assert (await load(town, tmp_path, nameless)).counts == (1, 0, 0, 0)
    row = await the(town, "GD0001")
    assert (row["reporter_anonymous"], row["reporter_name"]) == (True, None)


async def test_a_city_that_hears_enterprises_only(town: Town, tmp_path: Path) -> None:
    await give_schemes(town.admin, public_in_person=False)
    loaded = await load(town, tmp_path, OPEN_CALL)
    assert (loaded.counts, loaded.said) == ((0, 0, 0, 1), [(2, "联系人", "enterprises_only", False)])


async def test_a_dry_run_says_the_same_and_stores_nothing(town: Town, tmp_path: Path) -> None:
    rows = [*calls(20), {**OPEN_CALL, "工单编号": "", "诉求标题": ""}]
    before = await everything(town)
    tried = await load(town, tmp_path, *rows, dry_run=True)
    assert await everything(town) == before
    loaded = await load(town, tmp_path, *rows)
    assert (tried.counts, tried.said) == (loaded.counts, loaded.said) == ((20, 0, 0, 1), tried.said)


async def test_the_neighbour_sees_nothing_and_may_load_the_same(town: Town, tmp_path: Path) -> None:
    rows = [{**CLOSED_CALL, "所属区县": "", "承办单位": ""}]
    assert (await load(town, tmp_path, *rows)).counts == (1, 0, 0, 0)
    ours = await the(town, "GD0002")
    theirs = await load(town, tmp_path, *rows, login="intake_agent@anshan", city="anshan")
    assert theirs.counts == (1, 0, 0, 0)
    assert (await the(town, "GD0002")) == ours
    assert (await the(town, "GD0002", "anshan"))["number"].startswith("AS-")


@pytest.mark.parametrize(
    "login", ["intake_agent@anshan", "dispatcher@guangyuan", "steward@guangyuan", "auditor@guangyuan"]
)
async def test_who_is_no_intake_agent_here_loads_nothing(town: Town, tmp_path: Path, login: str) -> None:
    before = await everything(town)
    with pytest.raises(NotResponsible):
        await load(town, tmp_path, OPEN_CALL, login=login)
    assert await everything(town) == before


async def test_it_is_done_as_the_intake_agent_and_in_no_other_role(town: Town, tmp_path: Path) -> None:
    desk = "intake_agent@guangyuan.cangxi"
    await town.grant(desk, Role.STEWARD, "guangyuan")
    elsewhere = {**OPEN_CALL, "工单编号": "GD9", "所属区县": "剑阁县"}
    nowhere = {**OPEN_CALL, "工单编号": "GD8", "所属区县": ""}
    loaded = await load(town, tmp_path, OPEN_CALL, elsewhere, nowhere, login=desk)
    assert (loaded.counts, loaded.said) == ((2, 0, 0, 1), [(3, "所属区县", "outside_reach", False)])
    assert (await the(town, "GD8"))["county_id"] == town.world.tenant("guangyuan.cangxi")


async def test_a_county_desk_leaves_alone_what_it_cannot_see(town: Town, tmp_path: Path) -> None:
    await load(town, tmp_path, {**OPEN_CALL, "所属区县": "剑阁县"})
    before = await everything(town)
    closed = {**CLOSED_CALL, "工单编号": "GD0001", "所属区县": "剑阁县"}
    loaded = await load(town, tmp_path, closed, login="intake_agent@guangyuan.cangxi")
    assert loaded.counts == (0, 0, 1, 0)
    assert await everything(town) == before


async def test_a_restricted_ticket_looks_like_any_that_is_known(town: Town, tmp_path: Path) -> None:
    """Its content is not published by loading it a second time, and nothing in what is said tells of it."""
    secret: dict[str, Any] = {
        "channel": TicketChannel.HOTLINE,
        "category": TicketCategory.REPORT,
        "secrecy": SecrecyLevel.RESTRICTED,
        "reporter": Reporter("王先生"),
        "origin": Origin("12345", "GD0001"),
    }
    await town.submit("intake_agent@guangyuan.jiange", **secret)
    await load(town, tmp_path, CLOSED_CALL)
    before = await everything(town)
    changed = {**CLOSED_CALL, "工单编号": "GD0001", "诉求标题": "另一个标题"}
    loaded = await load(town, tmp_path, changed, CLOSED_CALL)
    assert (loaded.counts, loaded.said) == ((0, 0, 2, 0), [])
    assert await everything(town) == before


async def test_who_asked_for_secrecy_is_kept_secret(town: Town, tmp_path: Path) -> None:
    asked = {**OPEN_CALL, "是否保密": "是"}
    assert (await load(town, tmp_path, asked, headings=[*asked])).counts == (1, 0, 0, 0)
    assert (await the(town, "GD0001"))["secrecy"] == "CONFIDENTIAL"


async def test_a_channel_that_brings_no_number_is_refused_before_anything(town: Town, tmp_path: Path) -> None:
    for channel, rule in (("EMAIL", "not_allowed"), ("WEB", "not_allowed"), ("E_LICENCE", "channel_not_yours")):
        with pytest.raises(InvalidInput) as refusal:
            await load(town, tmp_path, OPEN_CALL, mapping=ImportMapping(channel=TicketChannel(channel)))
        assert refusal.value.rule == rule
    loaded = await load(
        town, tmp_path, OPEN_CALL, mapping=ImportMapping(channel=TicketChannel.OTHER_PLATFORM, platform="智桂通")
    )
    assert loaded.counts == (1, 0, 0, 0)
    assert (await the(town, "GD0001"))["origin_platform"] == "智桂通"


async def test_a_grant_that_ends_meanwhile_ends_the_import(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH", 5)
    user = town.world.user(AGENT)
    loads = 0
    actor_of = town.actor

    async def revoked_at_the_third(login: str) -> Any:
        nonlocal loads
        loads += 1
        if loads == 3:
            await town.admin.execute("delete from grants where user_id = $1", user)
            await town.admin.execute("update users set grants_version = grants_version + 1 where id = $1", user)
        if loads > 3:
            town.actors.forget(user)  # as the command does each time
        return await actor_of(login)

    monkeypatch.setattr(town, "actor", revoked_at_the_third)
    with pytest.raises(NotResponsible):
        await load(town, tmp_path, *calls(20))
    assert await town.admin.fetchval("select count(*) from tickets") == 5


async def test_batches_end_where_they_end(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH", 7)
    rows = list(calls(21))
    rows[3] = {**rows[3], "诉求标题": ""}
    assert (await load(town, tmp_path, *rows)).counts == (20, 0, 0, 1)
    assert (await load(town, tmp_path)).counts == (0, 0, 0, 0)
