"""One life, as many ways as there are schemes: nothing of any city is in the code."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.database import Database
from app.kernel.errors import InvalidInput, NotResponsible
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.arbitrate import arbitrate
from app.tickets.actions.decide_coordination import decide_coordination
from app.tickets.actions.decide_extension import decide_extension
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.first_contact import first_contact
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.refer import refer
from app.tickets.actions.report_part import report_part
from app.tickets.actions.request_coordination import request_coordination
from app.tickets.actions.request_extension import request_extension
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import submit
from app.tickets.actions.suspend import suspend
from app.tickets.actions.terminate import terminate
from app.tickets.lifecycle import Action
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel, TicketStatus
from tenants.schemes.model import Scheme, load_preset, preset_names
from tenants.schemes.words import CoordinationLevel
from tests.factories.world import World
from tests.schema.conftest import Api, opened
from tests.tickets.town import Town, give_schemes

A, S = Action, TicketStatus
ROOT = Path(__file__).parents[2]

WAYS: dict[str, dict[TicketStatus, tuple[str, str | None]]] = {
    "guangyuan": {
        S.SUBMITTED: ("待受理", "受理"),
        S.ACCEPTED: ("已受理", "受理"),
        S.DISPATCHED: ("已分办", "分办"),
        S.DISPUTED: ("争议待裁定", "分办"),
        S.IN_PROGRESS: ("办理中", "处理"),
        S.RESOLVED: ("已办结", "反馈"),
        S.ESCALATED: ("提级办理", "处理"),
        S.CLOSED: ("已归档", "评价"),
    },
    "anshan": {  # 004_…txt, 一
        S.SUBMITTED: ("待受理", "受理"),
        S.ACCEPTED: ("已受理", "受理"),
        S.DISPATCHED: ("协调中", "协调"),
        S.DISPUTED: ("协调争议", "协调"),
        S.IN_PROGRESS: ("办理中", "办理"),
        S.RESOLVED: ("已反馈", "反馈"),
        S.ESCALATED: ("提级办理", "办理"),
        S.CLOSED: ("已评价", "评价"),
    },
    "invented": {
        S.SUBMITTED: ("新到", "收件"),
        S.ACCEPTED: ("登记", "收件"),
        S.DISPATCHED: ("派出", "派单"),
        S.DISPUTED: ("扯皮", None),
        S.IN_PROGRESS: ("在办", "干活"),
        S.RESOLVED: ("办完", "交卷"),
        S.ESCALATED: ("升级", None),
        S.CLOSED: ("完结", "打分"),
    },
}


def days(amount: int, unit: str = "WORKING_DAYS") -> dict[str, Any]:
    return {"amount": amount, "unit": unit}


INVENTED: dict[str, Any] = {
    "number_prefix": "QZX",
    "texts": {
        "title": {"min": 3, "max": 12},
        "body": {"min": 4, "max": 40},
        "reply": {"min": 3, "max": 9},
        "reason": {"min": 5, "max": 20},
        "note": {"min": 1, "max": 30},
    },
    "channels": ["WEB", "HOTLINE"],
    "channel_rules": {},
    "submitters": ["ENTERPRISE_USER"],
    "public_in_person": False,
    "verification": days(5, "OFFICE_HOURS"),
    "acknowledgement": days(4, "OFFICE_HOURS"),
    "first_contact": days(2),
    "categories": {
        "HELP": {"name": "帮办", "limit": days(17)},
        "CONSULTATION": {"name": "打听", "limit": days(2), "verification": days(3)},
    },
    "suspension_reasons": ["TESTING"],
    "extension": {"working_days": 4, "times": 1},
    "has_office": False,
    "coordination": ["WORKING_GROUP"],
    "follow_up": {
        "limit": days(9),
        "share": "0.50",
        "satisfaction_target": "0.70",
        "levels": [
            {"level": level, "name": name, "value": value}
            for level, name, value in zip(Satisfaction, "甲乙丙丁戊", ("10", "8", "8", "1", "0"), strict=True)
        ],
        "low_levels": ["VERY_UNSATISFIED"],
        "questions": ["COST"],
        "rounds": 3,
        "quality_sample": "0.20",
        "ledger": ["HARD_TO_SOLVE"],
    },
    "status_names": {status: word for status, (word, _) in WAYS["invented"].items()},
    "stages": [
        {"name": "收件", "statuses": ["SUBMITTED", "ACCEPTED"]},
        {"name": "派单", "statuses": ["DISPATCHED"]},
        {"name": "干活", "statuses": ["IN_PROGRESS"]},
        {"name": "交卷", "statuses": ["RESOLVED", "ANSWERED"]},
        {"name": "打分", "statuses": ["CLOSED"], "follow_up": True},
    ],
}
NO_TICKET = uuid.UUID(int=0)
COORDINATES = {
    CoordinationLevel.TASK_GROUP: "supervision_officer",
    CoordinationLevel.WORKING_GROUP: "working_group",
    CoordinationLevel.LEADING_GROUP: "leading_group",
}


@dataclass
class Walk:
    """A ticket of one city on its way: who takes each step, and what everybody is shown after it."""

    town: Town
    api: Api
    city: str
    scheme: Scheme
    words: dict[TicketStatus, tuple[str, str | None]]
    ticket_id: uuid.UUID = NO_TICKET

    @property
    def office(self) -> str:
        """Who arbitrates, extends and terminates here."""
        return "office" if self.scheme.tickets.has_office else "dispatcher"

    @property
    def texts(self) -> dict[str, str]:
        """Texts as long as the scheme lets them be."""
        lengths = self.scheme.tickets.texts
        return {name: "字" * getattr(lengths, name).max for name in ("title", "body", "reply", "reason", "note")}

    def login(self, who: str) -> str:
        role, _, department = who.partition("@")
        if role == "enterprise":
            return next(city for city in self.town.world.cities if city.path == self.city).enterprise.login
        return f"{role}@{self.city}.{department}" if department else f"{role}@{self.city}"

    async def shown(self, who: str) -> dict[str, Any]:
        query = "query($n: String!) { ticketByNumber(number: $n) { statusLabel stage categoryLabel allowedActions } }"
        number = (await self.town.row(self.ticket_id))["number"]
        response = await self.api.ask(self.login(who), query, locale="zh-CN", n=number)
        ticket: dict[str, Any] = response["data"]["ticketByNumber"]
        return ticket

    async def step(self, action: Action, who: str, verb: Any, to: TicketStatus, **given: Any) -> None:
        """Take it as who is offered it, and look at what it led to."""
        assert action.name in (await self.shown(who))["allowedActions"], (action, who)
        await self.town.do(self.login(who), verb, self.ticket_id, **given)
        await self.stands(to)

    async def stands(self, status: TicketStatus) -> None:
        assert (await self.town.row(self.ticket_id))["status"] == status
        for who in ("enterprise", "auditor"):
            ticket = await self.shown(who)
            assert (ticket["statusLabel"], ticket["stage"]) == self.words[status], (who, status)
            assert ticket["categoryLabel"] == self.scheme.tickets.categories["HELP"].name

    async def refused(self, who: str, verb: Any, rule: str, **given: Any) -> None:
        with pytest.raises(InvalidInput) as caught:
            await self.town.do(self.login(who), verb, self.ticket_id, **given)
        assert caught.value.rule == rule


@asynccontextmanager
async def on_the_way(
    way: str, database: Database, world: World, admin: asyncpg.Connection, application_url: str, data_dir: Path
) -> AsyncIterator[Walk]:
    """The city of that name under its own scheme, or Guangyuan's people under the invented one."""
    city = "guangyuan" if way == "invented" else way
    changes = INVENTED if way == "invented" else {}
    await give_schemes(admin, **changes)
    document = load_preset(city).scheme.document()
    document["tickets"].update(changes)
    async with opened(world, application_url, data_dir) as api:
        yield Walk(Town(database, world, admin), api, city, Scheme.model_validate(document), WAYS[way])


@pytest.mark.parametrize("way", WAYS)
async def test_the_same_life_under_every_scheme(
    way: str, database: Database, world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    async with on_the_way(way, database, world, admin, application_url, tmp_path) as walk:
        await live(walk)


async def live(walk: Walk) -> None:
    """From the submission to the end, with everything on the way that a scheme has a word in."""
    rules, texts, office = walk.scheme.tickets, walk.texts, walk.office
    commerce, finance = f"{walk.city}.commerce", f"{walk.city}.finance"
    handler, helper = "handler@commerce", "handler@finance"

    told: dict[str, Any] = {
        "category": TicketCategory.HELP,
        "channel": TicketChannel.WEB,
        "title": texts["title"],
        "body": texts["body"],
    }
    for name in ("title", "body"):
        with pytest.raises(InvalidInput, match="too_long"):
            await walk.town.do(walk.login("enterprise"), submit, **(told | {name: texts[name] + "长"}))
    walk.ticket_id = (await walk.town.do(walk.login("enterprise"), submit, **told)).id
    assert (await walk.town.row(walk.ticket_id))["number"].startswith(f"{rules.number_prefix}-")
    await walk.stands(S.SUBMITTED)

    await walk.step(A.ACCEPT, "intake_agent", accept, S.ACCEPTED)
    await walk.step(A.DISPATCH, "dispatcher", dispatch, S.DISPATCHED, lead=finance)
    await walk.step(A.RETURN, helper, return_, S.DISPUTED, reason=texts["reason"])
    await walk.step(A.REFER, office, refer, S.DISPUTED, reason=texts["reason"])
    given: dict[str, Any] = {"reason": texts["reason"], "lead": f"{walk.city}.housing"}
    await walk.step(A.ARBITRATE, "working_group", arbitrate, S.DISPATCHED, **given)
    await walk.step(A.RETURN, "handler@housing", return_, S.DISPUTED, reason=texts["reason"])
    given = {"reason": texts["reason"], "lead": commerce, "co_handlers": [finance]}
    await walk.step(A.ARBITRATE, office, arbitrate, S.DISPATCHED, **given)
    await walk.step(A.ACKNOWLEDGE, handler, acknowledge, S.IN_PROGRESS)
    await walk.step(A.FIRST_CONTACT, handler, first_contact, S.IN_PROGRESS, note=texts["note"])

    most = rules.extension.working_days
    await walk.refused(handler, request_extension, "too_many", working_days=most + 1, reason=texts["reason"])
    for _ in range(rules.extension.times):
        given = {"working_days": most, "reason": texts["reason"]}
        await walk.step(A.EXTENSION_REQUEST, handler, request_extension, S.IN_PROGRESS, **given)
        await walk.step(A.EXTENSION_DECIDE, office, decide_extension, S.IN_PROGRESS, approve=True)
    await walk.refused(handler, request_extension, "used_up", working_days=1, reason=texts["reason"])
    for waiting in rules.suspension_reasons:
        await walk.step(A.SUSPEND, handler, suspend, S.IN_PROGRESS, reason=waiting)
        await walk.step(A.RESUME, handler, resume, S.IN_PROGRESS)

    await walk.step(A.COORDINATION_REQUEST, handler, request_coordination, S.IN_PROGRESS, reason=texts["reason"])
    for level in rules.coordination:
        assert (await walk.town.row(walk.ticket_id))["coordination"] == level
        given = {"opinion": texts["reason"], "escalate": level is not rules.coordination[-1]}
        await walk.step(A.COORDINATION_DECIDE, COORDINATES[level], decide_coordination, S.IN_PROGRESS, **given)
    await walk.step(A.PART_REPORT, helper, report_part, S.IN_PROGRESS, report="已协助")

    await walk.refused(handler, resolve, "too_long", reply=texts["reply"] + "长")
    await walk.step(A.RESOLVE, handler, resolve, S.RESOLVED, reply=texts["reply"])
    low = Satisfaction(rules.follow_up.low_levels[-1])
    await walk.step(A.RATE, "enterprise", follow_up, S.RESOLVED, satisfaction=low)
    for current_round in range(1, rules.follow_up.rounds + 1):
        last = current_round == rules.follow_up.rounds
        again = S.ESCALATED if last else S.DISPATCHED
        await walk.step(A.FOLLOW_UP, "intake_agent", follow_up, again, satisfaction=low, justified=True)
        if last:
            await walk.step(A.DISPATCH, "supervision_officer", dispatch, S.DISPATCHED, lead=commerce)
        await walk.step(A.ACKNOWLEDGE, handler, acknowledge, S.IN_PROGRESS)
        await walk.step(A.RESOLVE, handler, resolve, S.RESOLVED, reply=texts["reply"])
    good = next(level for level in Satisfaction if level not in rules.follow_up.low_levels)
    await walk.step(A.FOLLOW_UP, "intake_agent", follow_up, S.CLOSED, satisfaction=good)
    assert (await walk.town.row(walk.ticket_id))["round"] == rules.follow_up.rounds + 1
    await the_clocks_were_the_schemes(walk)


async def the_clocks_were_the_schemes(walk: Walk) -> None:
    rules = walk.scheme.tickets
    limits = {
        "VERIFICATION": rules.verification,
        "ACKNOWLEDGEMENT": rules.acknowledgement,
        "FIRST_CONTACT": rules.first_contact,
        "HANDLING": rules.categories["HELP"].limit,
        "FOLLOW_UP": rules.follow_up.limit,
    }
    rows = await walk.town.admin.fetch("select kind, amount, unit from deadlines where subject_id = $1", walk.ticket_id)
    assert {tuple(row) for row in rows} == {(kind, limit.amount, limit.unit) for kind, limit in limits.items()}


async def test_frontends_are_told_the_stages(
    database: Database, world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    async with on_the_way("anshan", database, world, admin, application_url, tmp_path) as walk:
        query = "query($city: TenantPath!) { scheme(city: $city) { stages { name statuses followUp } } }"
        for city in ("guangyuan", "anshan"):
            stages = (await walk.api.data(f"handler@{city}.commerce", query, city=city))["scheme"]["stages"]
            rules = load_preset(city).scheme.tickets
            assert stages == [
                {"name": stage.name, "statuses": list(stage.statuses), "followUp": stage.follow_up}
                for stage in rules.stages
            ]
        assert [stage["name"] for stage in stages] == ["受理", "协调", "办理", "反馈", "回访", "评价"]


async def test_a_ticket_keeps_the_words_it_began_with(
    database: Database, world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    async with on_the_way("anshan", database, world, admin, application_url, tmp_path) as walk:
        told: dict[str, Any] = {"category": TicketCategory.HELP, "channel": TicketChannel.WEB}
        told |= {"title": "厂区积水", "body": "暴雨后积水三天"}
        walk.ticket_id = (await walk.town.do(walk.login("enterprise"), submit, **told)).id
        await walk.step(A.ACCEPT, "intake_agent", accept, S.ACCEPTED)
        await admin.execute(
            "insert into schemes (city_id, version, name, document, digest, published_at)"
            " select city_id, 2, name, jsonb_set(document, '{tickets,status_names,ACCEPTED}', '\"另名\"'), '\\x02',"
            " now() from schemes where city_id = $1",
            world.anshan.id,
        )
        assert (await walk.shown("auditor"))["statusLabel"] == "已受理"
        await admin.execute("update tickets set scheme_version = 2 where id = $1", walk.ticket_id)
        assert (await walk.shown("auditor"))["statusLabel"] == "另名"


# A city without an office


async def test_without_an_office_the_dispatcher_decides_and_nobody_else(
    database: Database, world: World, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    async with on_the_way("invented", database, world, admin, application_url, tmp_path) as walk:
        town = walk.town
        walk.ticket_id = await town.at(S.DISPUTED, title="厂区积水", body="暴雨后积水三天")
        reason, lead = "职责清单", "guangyuan.finance"
        assert {"ARBITRATE", "REFER"} <= set((await walk.shown("dispatcher"))["allowedActions"])
        assert not {"ARBITRATE", "REFER"} & set((await walk.shown("office"))["allowedActions"])
        for who in ("office", "intake_agent", "supervision_officer", "working_group"):
            with pytest.raises(NotResponsible):
                await town.do(walk.login(who), arbitrate, walk.ticket_id, lead=lead, reason="按照职责清单")
        await walk.refused("dispatcher", arbitrate, "too_short", lead=lead, reason=reason)
        await walk.step(A.ARBITRATE, "dispatcher", arbitrate, S.DISPATCHED, lead=lead, reason="按照职责清单")
        await walk.step(A.ACKNOWLEDGE, "handler@finance", acknowledge, S.IN_PROGRESS)
        asked = {"working_days": 2, "reason": "等待检测报告"}
        await walk.step(A.EXTENSION_REQUEST, "handler@finance", request_extension, S.IN_PROGRESS, **asked)
        refusals: list[tuple[str, Any, dict[str, Any]]] = [
            ("office", decide_extension, {"approve": True}),
            ("office", terminate, {"basis": "已依法处理完毕"}),
            ("handler@finance", decide_extension, {"approve": True}),
        ]
        for who, verb, given in refusals:
            with pytest.raises(NotResponsible):
                await town.do(walk.login(who), verb, walk.ticket_id, **given)
        await walk.step(A.EXTENSION_DECIDE, "dispatcher", decide_extension, S.IN_PROGRESS, approve=True)
        assert "TERMINATE" in (await walk.shown("dispatcher"))["allowedActions"]
        await town.do("dispatcher@guangyuan", terminate, walk.ticket_id, basis="已依法处理完毕")
        assert (await town.row(walk.ticket_id))["status"] == S.TERMINATED


async def test_with_an_office_the_dispatcher_decides_none_of_it(town: Town) -> None:
    ticket_id = await town.at(S.DISPUTED)
    verbs: list[tuple[Any, dict[str, Any]]] = [(arbitrate, {"lead": "guangyuan.finance"}), (refer, {})]
    for verb, given in verbs:
        with pytest.raises(NotResponsible):
            await town.do("dispatcher@guangyuan", verb, ticket_id, reason="按照职责清单", **given)
    with pytest.raises(NotResponsible):
        await town.do("dispatcher@guangyuan", terminate, await town.at(S.IN_PROGRESS), basis="已依法处理完毕")


# Nothing of a city is in the code


PLACES = ("广西", "guangxi", "东营", "dongying", "四川", "sichuan", "辽宁", "liaoning", "桂商", "智桂通", "智管云")
"""Of the texts that the rules come from. What founds a rule is named in docstrings and comments only."""


def sources() -> Iterator[Path]:
    for folder in ("app", "schema", "tenants", "authz", "migrations"):
        for path in (ROOT / folder).rglob("*.py"):
            if "demo" not in path.relative_to(ROOT).parts:
                yield path


def words_of_cities() -> set[str]:
    """What presets call their cities, counties and departments, portals and services; prefixes of numbers."""
    words = set(PLACES)
    for name in preset_names():
        preset = load_preset(name)
        evaluations, tickets = preset.scheme.evaluations, preset.scheme.tickets
        words |= {preset.city.slug, preset.city.name, preset.city.name.removesuffix("市")}
        words |= {tenant.name for tenant in preset.tenants}
        words |= {evaluations.portal, evaluations.module, preset.scheme.enterprises.service, preset.scheme.name}
        words |= {f"{tickets.number_prefix}-"}
    return words


def constants(path: Path) -> Iterator[tuple[int, Any]]:
    """The values written in a file, docstrings left out."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield node.lineno, node.value


def test_no_city_is_named_in_the_code() -> None:
    named = re.compile("|".join(re.escape(word) for word in sorted(words_of_cities())), re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {value}"
        for path in sources()
        for line, value in constants(path)
        if isinstance(value, str) and named.search(value)
    ]
    assert found == []
    for path in (ROOT / "authz").glob("*.csv"):
        assert not named.search(path.read_text())


def test_the_steps_of_a_ticket_know_no_number() -> None:
    """A limit that is not a city's has a name, at the head of its module."""
    modules = [ROOT / "app/tickets" / f"{name}.py" for name in ("access", "clocks", "decisions", "events", "handlers")]
    modules += [ROOT / "app/tickets/lifecycle.py", *(ROOT / "app/tickets/actions").glob("*.py")]
    found = []
    for path in modules:
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in (0, 1):
                    found.append(f"{path.name}:{node.lineno}: {node.value!r}")
    assert found == []
