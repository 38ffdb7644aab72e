"""A city with a restricted ticket and three confidential reporters, each of whose words occurs nowhere else.

It is told through the API as its people would, once in a run, and kept as a template database. What may not be known is
a list of `Needle`s: a text, and who may come to read it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from app.integrity.reports.job import keep_reports
from app.kernel.clock import FixedClock
from app.kernel.tables import new_id
from app.supervision.follower import follow
from app.worker import Context
from authz.roles import Role
from schema import ids
from tests.factories.world import FOUNDED, WorldEnterprise, credit_code
from tests.schema.conftest import Api, everything_is_numbered

CITY = "guangyuan"
AUDITOR, SUPERVISION, DESK = f"auditor@{CITY}", f"supervision_officer@{CITY}", f"intake_agent@{CITY}"
COUNTY_DESK, COUNTY_SUPERVISION = f"intake_agent@{CITY}.cangxi", f"supervision_officer@{CITY}.cangxi"
LEAD, HELPING_LEAD = f"department_lead@{CITY}.commerce", f"department_lead@{CITY}.finance"
STEWARD, DISPATCHER, OFFICE = f"steward@{CITY}", f"dispatcher@{CITY}", f"office@{CITY}"
HANDLER = f"handler@{CITY}.commerce"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".ljust(300) + b"%%EOF\n"
FLOOD = "暴雨后厂区门口道路积水三天,货车无法进出,影响发货。"

IN_THE_OPEN = frozenset(
    {"city_administrator", "evaluation_manager", "finance_officer", "platform_operator", "policy_officer"}
)
"""Roles that see no ticket at all."""


@dataclass(frozen=True)
class Needle:
    """A text that only some may come to read. `registered`: it also stands in the registry, for whoever reads that."""

    text: str
    readers: frozenset[str]
    registered: bool = False


@dataclass
class Hidden:
    """What was told: tickets by name (`{"id", "number"}`), who may see what, and how to look for it."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    enterprises: dict[str, WorldEnterprise] = field(default_factory=dict)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The notices by hand, by the names of their tickets."""
    events: dict[str, list[str]] = field(default_factory=dict)
    attachments: dict[str, list[str]] = field(default_factory=dict)
    needles: list[Needle] = field(default_factory=list)
    named: frozenset[str] = frozenset()
    """Who may see the restricted ticket."""
    told_at: datetime = FOUNDED

    def id(self, name: str) -> str:
        """The global id of a ticket."""
        found: str = self.tickets[name]["id"]
        return found

    def enterprise_id(self, name: str) -> str:
        enterprise = self.enterprises[name]
        return ids.encode("E", enterprise.city_id, enterprise.id)


async def _register(api: Api, connection: asyncpg.Connection, serial: int, name: str) -> WorldEnterprise:
    """One more enterprise of Cangxi with its user, whose name, contact and telephone nobody else has."""
    city = api.world.guangyuan
    code = credit_code("510824", 900 + serial)
    made = WorldEnterprise(new_id(), city.id, code, f"{name}精密铸件有限公司", city.county_id)
    row = (
        city.id,
        made.id,
        code,
        made.name,
        "MSME",
        "C1352",
        made.county_id,
        FOUNDED,
        f"{name}联系人",
        f"0839-77{serial}",
    )
    columns = "city_id, id, credit_code, name, kind, industry_code, county_id, created_at, contact_name, contact_phone"
    await connection.execute(f"insert into enterprises ({columns}) values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)", *row)
    user = api.world.users[made.login] = new_id()
    await connection.execute(
        "insert into users (id, city_id, login, name, created_at) values ($1, $2, $3, $4, $5)",
        *(user, city.id, made.login, f"{name}经办人", FOUNDED),
    )
    await connection.execute(
        "insert into grants (city_id, id, user_id, tenant_id, role, enterprise_id, granted_at) "
        "values ($1, $2, $3, $1, $4, $5, $6)",
        *(city.id, new_id(), user, Role.ENTERPRISE_USER.value, made.id, FOUNDED),
    )
    return made


class _Teller:
    def __init__(self, api: Api, hidden: Hidden) -> None:
        self.api = api
        self.hidden = hidden
        self.name = ""

    async def submit(self, name: str, login: str, **given: Any) -> None:
        self.name = name
        self.hidden.tickets[name] = await self.api.submit(login, **given)

    async def then(self, login: str, verb: str, **given: Any) -> None:
        await self.api.verb(login, verb, "id", ticketId=self.hidden.id(self.name), **given)

    async def handle(self) -> None:
        """Accepted, dispatched to commerce, acknowledged."""
        await self.then(DESK, "ticketAccept")
        await self.dispatch(DISPATCHER, "commerce")
        await self.then(HANDLER, "ticketAcknowledge")

    async def dispatch(self, login: str, lead: str, *helping: str, note: str = "请办理") -> None:
        paths = [f"{CITY}.{slug}" for slug in (lead, *helping)]
        await self.then(login, "ticketDispatch", lead=paths[0], coHandlers=paths[1:], note=note)

    async def notice(self, name: str, login: str, **given: Any) -> str:
        """A notice about the ticket, by hand; its id."""
        document = (
            "mutation($input: SupervisionNoticeIssueInput!) { supervisionNoticeIssue(input: $input) "
            "{ supervisionNotice { id number } userErrors { code message } } }"
        )
        given["ticketId"] = self.hidden.id(self.name)
        payload = (await self.api.data(login, document, input=given))["supervisionNoticeIssue"]
        assert payload["userErrors"] == [], payload
        notice = self.hidden.notices[name] = payload["supervisionNotice"]
        return str(notice["id"])

    async def step(self, login: str, verb: str, **given: Any) -> None:
        """A step of something that hangs on a ticket."""
        document = (
            f"mutation($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input) "
            "{ userErrors { code message } } }"
        )
        payload = (await self.api.data(login, document, input=given))[verb]
        assert payload["userErrors"] == [], payload

    async def attach(self, login: str, file_name: str, **given: Any) -> None:
        actor = (await self.api.viewer(login)).actor
        assert actor is not None
        upload = await self.api.services.uploads.receive(
            actor, actor.city_id, name=file_name, size=len(PDF), source=io.BytesIO(PDF), now=datetime.now(UTC)
        )
        await self.then(login, "ticketAttach", uploadId=ids.encode(ids.UPLOAD, upload.city_id, upload.id), **given)


async def hide(api: Api, connection: asyncpg.Connection) -> Hidden:
    """Tell it all."""
    hidden = Hidden()
    t = _Teller(api, hidden)
    city = api.world.guangyuan
    for serial, name in enumerate(("restricted", "confidential", "other"), start=1):
        word = {"restricted": "砚峦壹", "confidential": "砚峦贰", "other": "砚峦叁"}[name]
        hidden.enterprises[name] = await _register(api, connection, serial, word)
    filer, secret = hidden.enterprises["confidential"].login, hidden.enterprises["restricted"].login
    hidden.enterprises["known"], hidden.enterprises["neighbour"] = city.enterprises[0], city.enterprises[1]
    known, neighbour = city.enterprises[0].login, city.enterprises[1].login

    # In the open, and as like the hidden ones as can be.
    await t.submit("new", neighbour, title="厂区门口道路积水", body=FLOOD)
    await t.submit("accepted", known, title="厂区门口道路再次积水", body=FLOOD)
    await t.then(DESK, "ticketAccept")
    await t.submit("at_work", known, title="厂区门口道路积水三天", body=FLOOD, county=f"{CITY}.cangxi")
    await t.handle()
    await t.submit("replied", neighbour, title="厂区门口道路长期积水", body=FLOOD)
    await t.handle()
    await t.then(f"handler@{CITY}.commerce", "ticketResolve", reply="已疏通排水管网。")
    await t.submit("ended", known, title="积水问题", body=FLOOD)
    await t.then(known, "ticketWithdraw", reason="已解决")

    # A confidential report of an enterprise, through everything that leaves a trace of its reporter.
    report = {"category": "REPORT", "secrecy": "CONFIDENTIAL"}
    contact = {"name": "联络暗名甲", "phone": "0839-660011"}
    place = {"county": f"{CITY}.cangxi"}
    await t.submit("confidential", filer, title="举报道路积水收费", body=FLOOD, reporter=contact, **report, **place)
    await t.then(COUNTY_DESK, "ticketAccept")
    await t.dispatch(DISPATCHER, "commerce", "finance")
    await t.then(LEAD, "ticketReturn", reason="应由住建部门承办。")
    await t.then(OFFICE, "ticketArbitrate", lead=f"{CITY}.commerce", coHandlers=[f"{CITY}.finance"], reason="按清单")
    await t.then(HANDLER, "ticketAcknowledge")
    await t.then(HANDLER, "ticketFirstContact", note="已通话。")
    await t.then(filer, "ticketComment", body="补充材料一份。", visibility="PUBLIC")
    await t.attach(filer, "收据.pdf")
    await t.then(HANDLER, "ticketExtensionRequest", workingDays=2, reason="需现场核实。")
    await t.then(OFFICE, "ticketExtensionDecide", approve=True, reason="同意。")
    await t.then(HELPING_LEAD, "ticketPartReport", report="账目已核。")
    # Another enterprise tells of the same: it learns how the confidential one goes on, and not whose that is.
    await t.submit("merged", neighbour, title="道路积水乱收费", body=FLOOD)
    await t.then(DESK, "ticketMerge", intoTicketId=hidden.id("confidential"))
    t.name = "confidential"
    await t.then(HANDLER, "ticketResolve", reply="已责令退费。")
    await t.then(filer, "ticketFollowUp", satisfaction="UNSATISFIED", note="退费不全。")
    # One of a person by telephone, with the number of the other platform, and one that the steward brought.
    caller = {"name": "来电暗名乙", "phone": "0839-660022"}
    origin = {"platform": "暗台12345", "number": "AN660022"}
    await t.submit(
        "called", DESK, channel="HOTLINE", title="举报门口积水无人管", reporter=caller, origin=origin, **report
    )
    await t.handle()
    await t.then(HANDLER, "ticketResolve", reply="已处理。")
    visited = {"name": "走访暗名丙", "phone": "0839-660033", "enterpriseId": hidden.enterprise_id("known")}
    enterprise = visited.pop("enterpriseId")
    await t.submit(
        "visited", STEWARD, title="举报积水路段违规收费", enterpriseId=enterprise, reporter=visited, **report
    )
    await t.handle()
    await t.then(STEWARD, "ticketComment", body="企业另有补充。", visibility="PUBLIC")
    await t.attach(STEWARD, "走访记录.pdf")
    # And the one that must not be there at all: of the same text, beside all the others.
    words = {
        "title": "密件子丑积水案",
        "body": f"{FLOOD}密语寅卯。",
        "reporter": {"name": "密告辰巳", "phone": "0839-770044"},
    }
    await t.submit("restricted", secret, category="REPORT", secrecy="RESTRICTED", **words, **place)
    await t.then(SUPERVISION, "ticketAccept")
    await t.dispatch(SUPERVISION, "commerce", "finance", note="密转午未")
    await t.then(LEAD, "ticketReturn", reason="密退申酉")
    lead = {"lead": f"{CITY}.commerce", "coHandlers": [f"{CITY}.finance"]}
    await t.then(SUPERVISION, "ticketArbitrate", reason="密裁戌亥", **lead)
    await t.then(LEAD, "ticketAcknowledge")
    await t.then(LEAD, "ticketFirstContact", note="密访甲丑")
    await t.then(secret, "ticketComment", body="密补乙寅", visibility="PUBLIC")
    await t.then(SUPERVISION, "ticketComment", body="密批丙卯", visibility="INTERNAL")
    await t.attach(secret, "密附丁辰.pdf")
    await t.attach(LEAD, "密存戊巳.pdf", visibility="INTERNAL")
    await t.then(LEAD, "ticketExtensionRequest", workingDays=2, reason="密延己午")
    await t.then(SUPERVISION, "ticketExtensionDecide", approve=True, reason="密准庚未")
    await t.then(LEAD, "ticketResolve", reply="密复壬酉")
    await t.then(secret, "ticketFollowUp", satisfaction="UNSATISFIED", note="密评癸戌")

    # It is chased by hand and by itself, in the shadow of one that all of the staff may know.
    returned = {"trigger": "RETURNED", "reason": "两次退回属于推诿扯皮。"}
    t.name = "at_work"
    notice = await t.notice("at_work", SUPERVISION, **returned)
    await t.step(LEAD, "supervisionNoticeReply", noticeId=notice, reply="已明确由本单位承办。")
    t.name = "restricted"
    notice = await t.notice("restricted", SUPERVISION, **{**returned, "reason": "密督子未"})
    await t.step(LEAD, "supervisionNoticeReply", noticeId=notice, reply="密答丑申")
    judged = {"satisfaction": "UNSATISFIED", "justified": True, "note": "密判寅酉"}
    await t.then(SUPERVISION, "ticketFollowUp", **judged)
    await t.then(LEAD, "ticketAcknowledge")
    await t.then(LEAD, "ticketResolve", reply="密复壬酉")
    await t.then(SUPERVISION, "ticketFollowUp", **judged)  # twice: a notice by itself, and one level up
    services = api.services
    await everything_is_numbered(api)
    for clock, jobs in (
        (FixedClock(datetime.now(UTC)), (follow,)),
        (FixedClock(datetime.now(UTC) + timedelta(days=40)), (keep_reports,)),
    ):
        context = Context(services.database, services.trees, services.sequencer, clock, services.settings)
        for job in jobs:
            while await job(context):
                await everything_is_numbered(api)

    secretly = "select count(*) from supervision_notices where restricted and cause is not null"
    assert await connection.fetchval(secretly) > 0, "chased by itself"
    assert await connection.fetchval("select count(*) from reports") > 0

    # An enterprise's report has no number elsewhere unless a platform brought it; and all of it was some days ago.
    await connection.execute(
        "update tickets set origin_platform = '密台', origin_number = 'MI770044' where secrecy = 'RESTRICTED'"
    )
    for column in ("submitted_at", "accepted_at", "dispatched_at", "acknowledged_at", "resolved_at"):
        await connection.execute(f"update tickets set {column} = {column} - interval '3 days'")
    await connection.execute("update ticket_signatures set submitted_at = submitted_at - interval '3 days'")
    await _note(api, connection, hidden)
    hidden.told_at = datetime.now(UTC)
    return hidden


async def _note(api: Api, connection: asyncpg.Connection, hidden: Hidden) -> None:
    """Who may read what of it."""
    named = {AUDITOR, SUPERVISION, LEAD, hidden.enterprises["restricted"].login}
    hidden.named = frozenset(named)
    city_id = api.world.guangyuan.id
    for name, prefix, table, key in (
        ("events", "TE", "events", "subject_id"),
        ("attachments", "A", "attachments", "ticket_id"),
    ):
        found = getattr(hidden, name)
        for told in hidden.tickets:
            rows = await connection.fetch(
                f"select id from {table} where {key} = $1 order by id", ids.decode(hidden.id(told)).key
            )
            found[told] = [ids.encode(prefix, city_id, row["id"]) for row in rows]
    ticket = hidden.tickets["restricted"]
    enterprise, chasing = hidden.enterprises["restricted"], hidden.notices["restricted"]
    staff = named - {enterprise.login}
    knowing = {AUDITOR, SUPERVISION, enterprise.login}
    for readers, texts in (
        (
            named,
            [
                "密件子丑积水案",
                "密语寅卯",
                "密补乙寅",
                "密附丁辰",
                "密复壬酉",
                "密评癸戌",
                "密判寅酉",
                ticket["id"],
                ticket["number"],
            ],
        ),
        (staff, ["密督子未", "密答丑申", chasing["id"], chasing["number"]]),
        (staff, ["密转午未", "密退申酉", "密裁戌亥", "密访甲丑", "密批丙卯", "密存戊巳", "密延己午", "密准庚未"]),
        (knowing, ["密告辰巳", "0839-770044", "密台", "MI770044"]),
    ):
        hidden.needles += [Needle(text, frozenset(readers)) for text in texts]
    internal = await connection.fetch(
        "select id, visibility from events where subject_id = $1", ids.decode(ticket["id"]).key
    )
    for row in internal:
        readers = named if row["visibility"] == "PUBLIC" else staff
        hidden.needles.append(Needle(ids.encode("TE", city_id, row["id"]), frozenset(readers)))
    whole_city = {DESK, SUPERVISION, AUDITOR}
    for name, readers, texts in (
        ("confidential", whole_city | {COUNTY_DESK, COUNTY_SUPERVISION}, ["联络暗名甲", "0839-660011"]),
        ("called", whole_city, ["来电暗名乙", "0839-660022", "暗台12345", "AN660022"]),
        ("visited", whole_city | {STEWARD, hidden.enterprises["known"].login}, ["走访暗名丙", "0839-660033"]),
    ):
        if name == "confidential":
            readers = readers | {hidden.enterprises["confidential"].login}
        hidden.needles += [Needle(text, frozenset(readers)) for text in texts]
    for name, readers in (
        ("restricted", knowing),
        ("confidential", whole_city | {COUNTY_DESK, COUNTY_SUPERVISION, hidden.enterprises["confidential"].login}),
    ):
        filer = hidden.enterprises[name]
        word = filer.name[:3]
        for text in (filer.name, filer.credit_code, f"{word}联系人", hidden.enterprise_id(name)):
            hidden.needles.append(Needle(text, frozenset(readers), registered=True))
        hidden.needles.append(Needle(f"{word}经办人", frozenset(readers)))
