"""The ways that a ticket can take through Guangyuan's desk, each with the refusals that belong to it (domain.md, 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.demo.day.client import ERRORS, TICKET, Unexpected, refusal_of
from app.demo.day.desk import INTERNAL, Case, Turn

PICTURE: Final = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(2_000)
"""Begins as a PNG does."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way: what it is called, how many tickets it takes, and how often it is gone beside once."""

    name: str
    tickets: int
    weight: int
    walk: Callable[[Turn], Awaitable[None]]


WAYS: Final[list[Way]] = []


def way(name: str, *, tickets: int = 1, weight: int = 1) -> Callable[[Callable[[Turn], Awaitable[None]]], None]:
    """List a way."""

    def listed(walk: Callable[[Turn], Awaitable[None]]) -> None:
        WAYS.append(Way(name, tickets, weight, walk))

    return listed


# Strides that many ways have in common


async def to_work(case: Case, *co_handlers: str) -> None:
    """Accepted, dispatched to whom the suggestions name, acknowledged."""
    await case.do("intake_agent", "ticketAccept")
    await dispatch(case, *co_handlers)
    await case.do("handler", "ticketAcknowledge")


async def dispatch(case: Case, *co_handlers: str, by: str = "dispatcher") -> None:
    lead = await case.suggested(by)
    await case.do(by, "ticketDispatch", lead=lead, coHandlers=case.others(lead, *co_handlers))


async def resolve(case: Case, by: str = "handler") -> None:
    await case.do(by, "ticketResolve", reply="已核实并办结,结果已告知反映人。")


async def close(case: Case, by: str = "intake_agent", satisfaction: str = "SATISFIED") -> None:
    await case.do(by, "ticketFollowUp", satisfaction=satisfaction, note="电话回访,问题已解决。")


async def unsatisfied(case: Case) -> None:
    """The reporter is right to be unsatisfied."""
    await case.do(
        "intake_agent", "ticketFollowUp", satisfaction="UNSATISFIED", justified=True, note="只有答复,没有解决。"
    )


async def note(case: Case, by: str = "handler") -> None:
    await case.do(by, "ticketComment", body=f"{INTERNAL}反映人情绪较急,请优先联系。", visibility="INTERNAL")


# The ways


@way("not yet looked at", weight=2)
async def submitted(turn: Turn) -> None:
    case = await turn.submit(ends="SUBMITTED")
    await turn.expect_same_answer(case)


@way("answered on the spot", weight=6)
async def answered(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", category="CONSULTATION")
    await case.do("intake_agent", "ticketAnswer", reply="所需材料已短信发送,可在网上全程办理。")
    await case.refused("intake_agent", "ticketAccept", "ILLEGAL_TRANSITION")
    await close(case, satisfaction="VERY_SATISFIED")


@way("answered twice", weight=1)
async def answered_twice(turn: Turn) -> None:
    case = await turn.submit(ends="ANSWERED")
    await case.do("intake_agent", "ticketAccept")
    await case.do("intake_agent", "ticketAnswer", reply="窗口电话已告知。")
    await unsatisfied(case)
    await case.do("intake_agent", "ticketAnswer", reply="已与主管部门核实,当日即可办结。")


@way("declined", weight=2)
async def declined(turn: Turn) -> None:
    case = await turn.submit(ends="DECLINED")
    await case.do("intake_agent", "ticketDecline", basis="该事项已进入诉讼程序,应当通过司法途径解决。")
    await case.refused("dispatcher", "ticketDispatch", "ILLEGAL_TRANSITION", lead=f"{turn.city}.tax")


@way("urgent, to an emergency number")
async def urgent(turn: Turn) -> None:
    case = await turn.submit(ends="DECLINED", category="HELP")
    basis = "属于紧急求助,已告知直接拨打紧急电话。"
    await case.refused("intake_agent", "ticketDecline", "INVALID_INPUT not_taken", basis=basis, emergencyNumber="911")
    await case.do("intake_agent", "ticketDecline", basis=basis, emergencyNumber="119")


@way("withdrawn", weight=2)
async def withdrawn(turn: Turn) -> None:
    case = await turn.submit(ends="WITHDRAWN", by="ENTERPRISE_USER")
    await case.do("intake_agent", "ticketAccept")
    await case.refused("dispatcher", "ticketWithdraw", "FORBIDDEN")
    await case.do("reporter", "ticketWithdraw", reason="问题已自行解决,撤回。")


@way("handled to the end", weight=8)
async def handled(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED")
    await to_work(case)
    await case.do("handler", "ticketFirstContact", note=f"{INTERNAL}已电话联系。")
    await note(case)
    await case.do("handler", "ticketComment", body="已到现场查看,正在制定处理方案。", visibility="PUBLIC")
    await resolve(case, by="department_lead")
    await case.refused("intake_agent", "ticketFollowUp", "INVALID_INPUT required", satisfaction="UNSATISFIED")
    asked = [{"question": each, "level": "SATISFIED"} for each in ("PROCESS", "EFFICIENCY", "COST", "QUALITY")]
    await case.do("intake_agent", "ticketFollowUp", satisfaction="SATISFIED", answers=asked)


@way("rated by its reporter", weight=4)
async def rated(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", by="ENTERPRISE_USER")
    await to_work(case)
    await case.refused("reporter", "ticketComment", "NOT_RESPONSIBLE", body="内部", visibility="INTERNAL")
    await case.do("reporter", "ticketComment", body="请问进展如何?", visibility="PUBLIC")
    await resolve(case)
    await close(case, by="reporter", satisfaction="VERY_SATISFIED")


@way("in work at the day's end", weight=4)
async def in_work(turn: Turn) -> None:
    case = await turn.submit(ends="IN_PROGRESS")
    await to_work(case)
    await case.refused("handler", "ticketResolve", "CONFLICT", reply="已办结。", expectedVersion=case.version - 1)


@way("waiting for its follow-up", weight=3)
async def resolved(turn: Turn) -> None:
    case = await turn.submit(ends="RESOLVED")
    await to_work(case)
    await resolve(case)


@way("extended once, not twice", weight=2)
async def extended(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", category="HELP")
    await to_work(case)
    reason = "需会同区县核实,请予延期。"
    await case.refused("handler", "ticketExtensionRequest", "INVALID_INPUT too_many", workingDays=99, reason=reason)
    await case.do("handler", "ticketExtensionRequest", workingDays=3, reason=reason)
    await case.do("office", "ticketExtensionDecide", approve=True)
    await case.do("handler", "ticketExtensionRequest", workingDays=5, reason=reason)
    await case.refused("office", "ticketExtensionDecide", "INVALID_INPUT required", approve=False)
    await case.do("office", "ticketExtensionDecide", approve=False, reason="理由不充分。")
    await resolve(case)
    await close(case)
    await case.refused("handler", "ticketExtensionRequest", "ILLEGAL_TRANSITION", workingDays=1, reason=reason)


@way("suspended and resumed", weight=2)
async def suspended(turn: Turn) -> None:
    case = await turn.submit(ends="RESOLVED")
    await to_work(case)
    await case.do("handler", "ticketSuspend", reason="APPLICANT_DOCUMENTS", note="等待补充材料。")
    await case.refused("handler", "ticketSuspend", "ILLEGAL_TRANSITION", reason="INSPECTION")
    await case.refused("handler", "ticketResolve", "ILLEGAL_TRANSITION", reply="已办结。")
    await case.do("handler", "ticketResume")
    await resolve(case)


@way("coordinated by three groups")
async def coordinated(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", category="COMPLAINT")
    await to_work(case)
    await case.do("handler", "ticketCoordinationRequest", reason=f"{INTERNAL}多部门职责交叉,协调未果。")
    await case.refused("leading_group", "ticketCoordinationDecide", "NOT_RESPONSIBLE", opinion="请办理。")
    await case.do("office", "ticketCoordinationDecide", opinion="提请工作小组协调。", escalate=True)
    await case.do("working_group", "ticketCoordinationDecide", opinion="书面报告领导小组。", escalate=True)
    above = {"opinion": "再提一级。", "escalate": True}
    await case.refused("leading_group", "ticketCoordinationDecide", "INVALID_INPUT no_higher_group", **above)
    await case.do("leading_group", "ticketCoordinationDecide", opinion="由牵头单位一周内办结。")
    await resolve(case)
    await close(case)


@way("with two co-handlers", weight=3)
async def helped(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED")
    await to_work(case, "drc", "finance")
    first, second = case.co_handlers
    await case.refused(f"handler@{first}", "ticketResolve", "NOT_RESPONSIBLE", reply="已办结。")
    await case.do(f"handler@{first}", "ticketPartReport", report=f"{INTERNAL}已出具意见。")
    await case.refused(f"handler@{first}", "ticketPartReport", "INVALID_INPUT already_reported", report="再报一次。")
    await case.do(f"department_lead@{second}", "ticketPartReport", report=f"{INTERNAL}已核对资金。")
    await resolve(case)
    await close(case)


@way("returned and arbitrated", weight=2)
async def returned(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED")
    await case.do("intake_agent", "ticketAccept")
    await dispatch(case)
    await case.do("handler", "ticketReturn", reason="经核,该事项不属于我单位职责。")
    (other,) = case.others(case.lead, "housing")
    await case.do("office", "ticketArbitrate", lead=other, reason="经对照职责清单,由所列单位牵头。")
    await case.do("handler", "ticketAcknowledge")
    await resolve(case)
    await close(case)


@way("referred to the working group")
async def referred(turn: Turn) -> None:
    case = await turn.submit(ends="IN_PROGRESS")
    await case.do("intake_agent", "ticketAccept")
    await dispatch(case)
    await case.do("department_lead", "ticketReturn", reason="审批权限不在我单位。")
    await case.do("office", "ticketRefer", reason="职责边界不清,提请研究确定。")
    ruling = {"lead": case.lead, "reason": "经会商,由所列单位牵头办理。"}
    await case.refused("office", "ticketArbitrate", "NOT_RESPONSIBLE", **ruling)
    await case.do("working_group", "ticketArbitrate", **ruling)
    await case.do("handler", "ticketAcknowledge")


@way("closed in the second round", weight=2)
async def second_round(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED")
    await to_work(case)
    await resolve(case)
    await unsatisfied(case)
    await case.do("handler", "ticketAcknowledge")
    await resolve(case)
    await close(case)


@way("escalated one level up")
async def escalated(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", category="COMPLAINT")
    await to_work(case)
    await resolve(case)
    await unsatisfied(case)
    await case.do("handler", "ticketAcknowledge")
    await resolve(case)
    await unsatisfied(case)
    await case.refused("dispatcher", "ticketDispatch", "NOT_RESPONSIBLE", lead=case.lead)
    await dispatch(case, by="office")
    await case.do("handler", "ticketAcknowledge")
    await resolve(case)
    await close(case)


@way("terminated, repeat declined", tickets=3)
async def terminated(turn: Turn) -> None:
    first = await turn.submit(ends="RESOLVED", by="ENTERPRISE_USER", category="COMPLAINT")
    await to_work(first)
    await resolve(first)
    again = await turn.submit(ends="TERMINATED", like=first)
    await again.do("intake_agent", "ticketAccept")
    basis = "同一事项已依法处理并答复。"
    await again.refused("office", "ticketTerminate", "INVALID_INPUT itself", basis=basis, handledBy=again.id)
    await again.do("office", "ticketTerminate", basis=basis, handledBy=first.id)
    repeat = await turn.submit(ends="DECLINED", like=first)
    await repeat.refused("intake_agent", "ticketDecline", "INVALID_INPUT not_handled", basis=basis, repeatOf=first.id)
    await repeat.do("intake_agent", "ticketDecline", basis=basis, repeatOf=again.id)


@way("duplicates, merged", tickets=3)
async def merged(turn: Turn) -> None:
    client, agent = turn.desk.client, f"intake_agent@{turn.city}"
    first = await turn.submit(ends="CLOSED", by="ENTERPRISE_USER")
    query = "query($title: String, $body: String) { ticketDuplicates(title: $title, body: $body) { id } }"
    words = {name: first.submission[name] for name in ("title", "body")}
    while_told = (await client.ask(agent, query, **words))["ticketDuplicates"]
    second = await turn.submit(ends="CLOSED", like=first)
    third = await turn.submit(ends="CLOSED", like=first)
    query = "query($id: ID!) { ticket(id: $id) { duplicates { id } } }"
    afterwards = (await client.ask(agent, query, id=second.id))["ticket"]["duplicates"]
    if {"id": first.id} not in while_told or not {first.id, third.id} <= {each["id"] for each in afterwards}:
        raise Unexpected("the duplicates are not found")
    await second.merge(first)
    for into, refusal in (
        (first.id, "INVALID_INPUT itself"),
        (second.id, "INVALID_INPUT already_merged_into"),
        (turn.desk.neighbours_ticket, "NOT_FOUND"),
    ):
        await first.refused("intake_agent", "ticketMerge", refusal, intoTicketId=into)
    await first.merge(third)
    await to_work(third)
    await resolve(third)
    await close(third)
    query = "query($number: String!) { ticketByNumber(number: $number) { id mergedInto { id } resolution } }"
    for login, goes_on in ((agent, {"id": third.id}), (second.reporter, None)):
        found = (await client.ask(login, query, number=second.number))["ticketByNumber"]
        if (found["id"], found["mergedInto"]) != (second.id, goes_on) or not found["resolution"]:
            raise Unexpected(f"{login} finds {found} by the number of a merged ticket")


@way("found malicious, appealed")
async def malicious(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", by="ENTERPRISE_USER", category="COMPLAINT")
    await to_work(case)
    await resolve(case)
    await case.do("office", "ticketMaliceFind", evidence="监控与登记记录均与所述不符。")
    await case.do("reporter", "ticketMaliceAppeal", reason="所述属实,请复核录音。")
    await case.refused("office", "ticketMaliceDecide", "FORBIDDEN", uphold=True, reason="维持。")
    await case.do("working_group", "ticketMaliceDecide", uphold=False, reason="证据不足,予以撤销。")
    await close(case)


@way("bidding complaint, published")
async def bidding(turn: Turn) -> None:
    given: dict[str, Any] = {"category": "BIDDING_COMPLAINT", "by": "ENTERPRISE_USER"}
    department = f"{turn.city}.government_services"
    await turn.not_submitted("INVALID_INPUT required", **given)
    case = await turn.submit(ends="CLOSED", department=department, **given)
    await case.refused("intake_agent", "ticketAccept", "NOT_RESPONSIBLE")
    await case.do("handler", "ticketAccept")
    await case.do("handler", "ticketSuspend", reason="EXPERT_REVIEW")
    await case.do("handler", "ticketResume")
    reply = "经调查,投诉事项部分成立,责令改正。"
    await case.refused("handler", "ticketResolve", "INVALID_INPUT required", reply=reply)
    number = f"广公资诉〔{turn.desk.stamp}〕{turn.number}号"
    await case.do("handler", "ticketResolve", reply=reply, decisionNumber=number)
    query = (
        "query($within: TenantPath!) { publishedDecisions(within: $within, first: 20) { edges { node { number } } } }"
    )
    found = await turn.desk.client.ask(case.reporter, query, within=department)
    if number not in [edge["node"]["number"] for edge in found["publishedDecisions"]["edges"]]:
        raise Unexpected(f"the decision {number} is not published")
    await close(case, by="reporter")


@way("bidding complaint, misdirected")
async def misdirected_bidding(turn: Turn) -> None:
    given: dict[str, Any] = {"category": "BIDDING_COMPLAINT", "by": "ENTERPRISE_USER"}
    case = await turn.submit(ends="IN_PROGRESS", department=f"{turn.city}.drc", **given)
    await case.do("handler", "ticketReturn", reason="该项目由交通主管部门监管。")
    await case.do("office", "ticketArbitrate", lead=f"{turn.city}.transport", reason="由行业主管部门受理。")
    await case.do("handler", "ticketAcknowledge")


@way("confidential report", weight=2)
async def confidential(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", by="ENTERPRISE_USER", category="REPORT", secrecy="CONFIDENTIAL")
    submission = "timeline(first: 1) { edges { node { actor { role } } } }"
    query = f"query($id: ID!) {{ ticket(id: $id) {{ enterprise {{ id }} {submission} }} }}"
    for login, known in (("dispatcher", False), ("intake_agent", True)):
        seen = (await turn.desk.client.ask(case.person(login), query, id=case.id))["ticket"]
        actor = seen["timeline"]["edges"][0]["node"]["actor"]
        if (seen["enterprise"] is not None, actor is not None) != (known, known):
            raise Unexpected(f"{login} is told of a confidential report: {seen}")
    await to_work(case)
    await resolve(case)
    await close(case)


@way("restricted report")
async def restricted(turn: Turn) -> None:
    case = await turn.submit(ends="CLOSED", by="SPECIAL_MONITOR", category="REPORT", secrecy="RESTRICTED")
    for login in ("intake_agent", "dispatcher", "office"):
        if await case.seen_by(login):
            raise Unexpected(f"{login} sees a restricted report")
    await case.refused("intake_agent", "ticketAccept", "NOT_FOUND")
    await case.do("supervision_officer", "ticketAccept")
    await dispatch(case, by="supervision_officer")
    await case.refused("handler", "ticketAcknowledge", "NOT_FOUND")
    await case.do("department_lead", "ticketAcknowledge")
    await note(case, by="department_lead")
    await resolve(case, by="department_lead")
    await close(case, by="supervision_officer")


@way("anonymous, other platform", tickets=2, weight=2)
async def elsewhere(turn: Turn) -> None:
    anonymous: dict[str, Any] = {"reporter": {"anonymous": True}, "channel": "COMPLAINT_CENTRE", "by": "INTAKE_AGENT"}
    await turn.not_submitted("INVALID_INPUT not_allowed", category="HELP", **anonymous)
    await turn.not_submitted("INVALID_INPUT channel_not_yours", by="ENTERPRISE_USER", channel="HOTLINE")
    case = await turn.submit(ends="ACCEPTED", category="COMPLAINT", **anonymous)
    await case.do("intake_agent", "ticketAccept")
    origin = {"platform": "智桂通", "number": f"ZGT-{turn.desk.stamp}-{turn.number}"}
    given: dict[str, Any] = {"by": "INTAKE_AGENT", "channel": "OTHER_PLATFORM", "origin": origin}
    other = await turn.submit(ends="DISPATCHED", **given)
    await turn.not_submitted("INVALID_INPUT origin_taken", **given)
    query = "query($number: String!) { ticketByNumber(number: $number) { id } }"
    found = await turn.desk.client.ask(other.person("intake_agent"), query, number=origin["number"])
    if found["ticketByNumber"] != {"id": other.id}:
        raise Unexpected(f"{origin['number']} finds {found}")
    await other.do("intake_agent", "ticketAccept")
    await dispatch(other)


@way("with files", weight=2)
async def with_files(turn: Turn) -> None:
    desk = turn.desk
    reporter = turn.enterprise_login()
    photo = await desk.client.upload(reporter, "现场照片.png", PICTURE)
    case = await turn.submit(ends="IN_PROGRESS", by="ENTERPRISE_USER", attachments=[photo])
    await to_work(case)
    sheet = "项目,金额\n报装,315\n".encode()
    await case.attach("handler", "测算表.csv", sheet, visibility="INTERNAL")
    await case.not_attached("handler", "合同.pdf", sheet, "INVALID_INPUT not_what_it_says")
    query = "query($id: ID!) { ticket(id: $id) { attachments { name sha256 url } } }"
    files = (await desk.client.ask(case.person("handler"), query, id=case.id))["ticket"]["attachments"]
    for file, content in zip(files, (PICTURE, sheet), strict=True):
        got = await desk.client.send(case.person("handler"), "GET", file["url"])
        if got.body != content or hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise Unexpected(f"{file['name']} came back as something else")
    internal = files[1]["url"]
    for login in (case.reporter, desk.neighbour("dispatcher")):
        await desk.not_there(login, internal)


@way("dispatched in bulk", tickets=3)
async def bulk(turn: Turn) -> None:
    desk, login = turn.desk, f"dispatcher@{turn.city}"
    first, second = [await turn.submit(ends="DISPATCHED") for _ in range(2)]
    declined = await turn.submit(ends="DECLINED")
    for case in (first, second):
        await case.do("intake_agent", "ticketAccept")
    await declined.do("intake_agent", "ticketDecline", basis="缺少具体对象和事实,经联系无法补充。")
    ids = [first.id, second.id, declined.id, first.id, desk.neighbours_ticket]
    given = {"items": [{"ticketId": each, "lead": f"{turn.city}.tax"} for each in ids]}
    shows = f"results {{ {TICKET} {ERRORS} }}"
    key = {"idempotencyKey": f"day-{desk.stamp}-{turn.number}"}
    expected = [None, None, "ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION", "NOT_FOUND"]
    outcome = await desk.done(login, "ticketBulkDispatch", {**given, **key}, shows=shows)
    again = await desk.client.verb(login, "ticketBulkDispatch", {**given, **key}, shows=shows)
    for payload in (outcome.payload, again.payload):
        results = [] if payload is None else payload["results"]
        if [refusal_of(result) for result in results] != expected:
            raise Unexpected(f"a bulk dispatch was answered {results}")
        for case, result in zip((first, second), results, strict=False):
            case.ticket = result["ticket"]
    for case in (first, second):
        case.remember("DISPATCHED", outcome)
    desk.refusals.update(filter(None, expected))


@way("transferred to another city", tickets=2)
async def transferred(turn: Turn) -> None:
    desk, there = turn.desk, turn.desk.neighbour("intake_agent")
    reason = "该事项由对方城市有关部门负责。"
    back = await turn.submit(ends="ACCEPTED", category="HELP")
    await back.do("intake_agent", "ticketAccept")
    refusal = "INVALID_INPUT own_city"
    await back.refused("intake_agent", "ticketTransfer", refusal, to=turn.city, reason=reason)
    await back.do("intake_agent", "ticketTransfer", to=desk.neighbouring, reason=reason)
    soon = "INVALID_INPUT too_soon_to_chase"
    await back.refused("intake_agent", "ticketTransferChase", soon, note=f"{INTERNAL}请尽快决定。")
    await back.do("intake_agent", "ticketTransferWithdraw", reason=f"{INTERNAL}转办有误。")
    case = await turn.submit(ends="TRANSFERRED", by="ENTERPRISE_USER", category="HELP")
    await case.do("intake_agent", "ticketTransfer", to=desk.neighbouring, reason=reason)
    query = "{ ticketTransfers(filter: {status: [OFFERED]}, first: 50) { edges { node { id number mayDecide } } } }"
    offered = [edge["node"] for edge in (await desk.client.ask(there, query))["ticketTransfers"]["edges"]]
    offer = next((each["id"] for each in offered if each["number"] == case.number and each["mayDecide"]), None)
    if offer is None:
        raise Unexpected(f"{case.number} does not wait for the other city's decision")
    shows = "ticketTransfer { ticket { id number } }"
    decision = {"transferId": offer, "accept": True}
    outcome = await desk.done(there, "ticketTransferDecide", decision, shows=shows)
    await desk.refuse(there, "ticketTransferDecide", decision, "INVALID_INPUT transfer_over", shows=shows)
    case.progress(outcome, "TRANSFER_ACCEPTED")
    taken = (outcome.payload or {})["ticketTransfer"]["ticket"]
    if taken["number"] != case.number or await case.seen_by(there):
        raise Unexpected(f"{case.number} came over as {taken}, or is seen itself")
    for verb, given in (
        ("ticketAnswer", {"reply": "已由本市窗口办理完毕。"}),
        ("ticketFollowUp", {"satisfaction": "SATISFIED"}),
    ):
        case.progress(await desk.done(there, verb, {"ticketId": taken["id"], **given}))
        await case.caught_up()
    await case.refused("reporter", "ticketComment", "ILLEGAL_TRANSITION", body="谢谢", visibility="PUBLIC")


@way("in the ledger of quality")
async def in_the_ledger(turn: Turn) -> None:
    desk = turn.desk
    office, supervision = f"office@{turn.city}", f"supervision_officer@{turn.city}"
    case = await turn.submit(ends="DISPATCHED")
    await to_work(case)
    await resolve(case)
    await unsatisfied(case)
    query = "{ qualityEntries(filter: {status: [OPEN]}, first: 50) { edges { node { id ticket { number } } } } }"
    listed = [edge["node"] for edge in (await desk.client.ask(office, query))["qualityEntries"]["edges"]]
    entry = next((each["id"] for each in listed if each["ticket"] == {"number": case.number}), None)
    if entry is None:
        raise Unexpected(f"{case.number} is not in the ledger of handling quality")
    shows = "qualityEntry { version status }"
    given = {"qualityEntryId": entry, "outcome": f"{INTERNAL}已督促整改。"}
    await desk.refuse(supervision, "qualityEntryClose", given, "NOT_RESPONSIBLE", shows=shows)
    handed = {"qualityEntryId": entry, "note": f"{INTERNAL}只答复不解决。", "expectedVersion": 1}
    await desk.verb(office, "qualityEntryHandOver", handed, shows=shows)
    await desk.refuse(desk.neighbour("office"), "qualityEntryClose", given, "NOT_FOUND", shows=shows)
    await desk.verb(supervision, "qualityEntryClose", given, shows=shows)


@way("sampled for quality", tickets=0)
async def sampled(turn: Turn) -> None:
    desk = turn.desk
    login, today = f"supervision_officer@{turn.city}", datetime.now(UTC).date()
    period = {"from": str(today - timedelta(days=360)), "to": str(today - timedelta(days=1))}
    shows = "qualitySample { id population size checks(first: 2) { edges { node { ticket { id } } } } }"
    drawn = await desk.verb(login, "qualitySampleDraw", {"within": turn.city, **period}, shows=shows)
    sample = drawn["qualitySample"]
    for edge in sample["checks"]["edges"]:
        ticket = edge["node"]["ticket"]["id"]
        given = {"sampleId": sample["id"], "ticketId": ticket, "passed": True, "findings": f"{INTERNAL}办理规范。"}
        await desk.verb(login, "qualityCheckRecord", given, shows="qualitySample { version }")
        await desk.refuse(
            login, "qualityCheckRecord", given, "INVALID_INPUT already_checked", shows="qualitySample { id }"
        )
        desk.checked.append(ticket)
