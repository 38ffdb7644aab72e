"""The ledger of handling quality as people see it: entries, numbers, and the office and supervision at work on it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from app.rectification.opening import open_tasks
from schema import ids
from tests.supervision.conftest import CITY, DESK, HANDLER, OFFICE, SUPERVISION, Supervised

ENTRY = (
    "id version kind kindLabel status statusLabel round openedAt note handedOverAt outcome closedAt schemeVersion "
    "allowedActions ticket { number } keeper { path } department { path } task { source title } "
    "timeline(first: 10) { edges { node { type typeLabel version toStatus note actor { role } } } }"
)
GROUP, AUDITOR = f"working_group@{CITY}", f"auditor@{CITY}"


async def entries(s: Supervised, login: str, arguments: str = "first: 50") -> list[dict[str, Any]]:
    found = (
        await s.api.data(login, f"{{ qualityEntries({arguments}) {{ totalCount edges {{ node {{ {ENTRY} }} }} }} }}")
    )["qualityEntries"]
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"] for edge in found["edges"]]


async def step(s: Supervised, login: str, name: str, **given: Any) -> dict[str, Any]:
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ qualityEntry {{ {ENTRY} }} "
        "userErrors { code path ... on InvalidInputError { rule } ... on IllegalTransitionError { allowed } } } }"
    )
    payload: dict[str, Any] = (await s.api.data(login, document, input=given))[name]
    return payload


async def done(s: Supervised, login: str, name: str, **given: Any) -> dict[str, Any]:
    payload = await step(s, login, name, **given)
    assert payload["userErrors"] == [], payload
    entry: dict[str, Any] = payload["qualityEntry"]
    return entry


async def entered(s: Supervised) -> dict[str, Any]:
    """The entry of a ticket whose reporter is not content, with good reason."""
    await s.unsatisfied(await s.ticket())
    return (await entries(s, OFFICE))[0]


async def test_it_enters_is_handed_over_and_closed(supervised: Supervised) -> None:
    s = supervised
    entry = await entered(s)
    assert (entry["kind"], entry["kindLabel"], entry["status"], entry["statusLabel"], entry["round"]) == (
        *("LOW_SATISFACTION", "Low satisfaction", "OPEN", "Open"),
        1,
    )
    assert (entry["keeper"], entry["department"]) == ({"path": CITY}, {"path": f"{CITY}.commerce"})
    assert (entry["task"], entry["allowedActions"]) == (None, ["CLOSE", "HAND_OVER"])
    assert (await entries(s, SUPERVISION))[0]["allowedActions"] == []
    await open_tasks(s.context)
    assert (await entries(s, OFFICE))[0]["task"] == {
        "source": "BAD_RATING",
        "title": f"{entry['ticket']['number']} 厂房用电报装久拖未决",
    }

    given = {"qualityEntryId": entry["id"], "note": "实质未解决", "expectedVersion": 1}
    handed = await done(s, OFFICE, "qualityEntryHandOver", **given)
    assert (handed["status"], handed["note"], handed["allowedActions"]) == ("HANDED_OVER", "实质未解决", [])
    payload = await step(s, OFFICE, "qualityEntryClose", qualityEntryId=entry["id"], outcome="已督促整改")
    assert payload["userErrors"][0]["code"] == "NOT_RESPONSIBLE"
    closed = await done(s, SUPERVISION, "qualityEntryClose", qualityEntryId=entry["id"], outcome="已督促整改")
    assert (closed["status"], closed["outcome"], closed["version"], closed["allowedActions"]) == (
        *("CLOSED", "已督促整改", 3),
        [],
    )
    events = [edge["node"] for edge in closed["timeline"]["edges"]]
    assert [(each["type"], each["toStatus"], each["actor"]["role"]) for each in events] == [
        ("OPENED", "OPEN", None),
        ("HANDED_OVER", "HANDED_OVER", "OFFICE"),
        ("CLOSED", "CLOSED", "SUPERVISION_OFFICER"),
    ]
    for login in (SUPERVISION, OFFICE):  # both close entries, and this one is closed
        payload = await step(s, login, "qualityEntryClose", qualityEntryId=entry["id"], outcome="再次办结")
        assert payload["userErrors"][0] == {"code": "ILLEGAL_TRANSITION", "path": None, "allowed": []}
    # Whose ledger it is was told of each step.
    await s.follow()
    told = [kind for kind, _ in await s.told(SUPERVISION) if kind.startswith("QUALITY_")]
    assert told == ["QUALITY_ENTERED", "QUALITY_HANDED_OVER", "QUALITY_CLOSED"]
    told = [kind for kind, _ in await s.told(HANDLER)]
    assert (told.count("TASK_ISSUED"), [kind for kind in told if kind.startswith("QUALITY_")]) == (1, [])


async def test_what_is_asked_for(supervised: Supervised) -> None:
    s = supervised
    begun = s.clock.now()
    first = await entered(s)
    s.clock.advance(timedelta(days=1))
    await entered(s)
    await done(s, OFFICE, "qualityEntryHandOver", qualityEntryId=first["id"])
    later = f'"{(begun + timedelta(hours=1)).isoformat()}"'
    for arguments, count in (
        ("first: 50", 2),
        ("filter: {status: [HANDED_OVER]}", 1),
        ("filter: {status: [OPEN, HANDED_OVER]}", 2),
        ("filter: {kind: [LOW_QUALITY, HARD_TO_SOLVE]}", 0),
        ("filter: {kind: [LOW_SATISFACTION]}", 2),
        (f'filter: {{department: "{CITY}.commerce"}}', 2),
        (f'filter: {{department: "{CITY}.finance"}}', 0),
        (f"filter: {{enteredFrom: {later}}}", 1),
        (f"filter: {{enteredBefore: {later}}}", 1),
        (f'within: "{CITY}.commerce"', 2),
        (f'within: "{CITY}.cangxi"', 0),
    ):
        assert len(await entries(s, OFFICE, arguments)) == count, arguments
    for login in (GROUP, AUDITOR, f"leading_group@{CITY}", SUPERVISION):
        assert len(await entries(s, login)) == 2
    assert await entries(s, f"office@{CITY}.cangxi") == []


async def test_the_numbers(supervised: Supervised) -> None:
    s = supervised
    first = await entered(s)
    await entered(s)
    await done(s, OFFICE, "qualityEntryHandOver", qualityEntryId=first["id"])
    await done(s, SUPERVISION, "qualityEntryClose", qualityEntryId=first["id"], outcome="已督促整改")

    async def numbers(login: str, by: str = "", within: str = CITY, to: str = "2026-04-01") -> list[dict[str, Any]]:
        query = (
            f'{{ qualityStatistics(within: "{within}", from: "2026-03-02", to: "{to}"{by}) '
            "{ value label entered handedOver closed } }"
        )
        rows: list[dict[str, Any]] = (await s.api.data(login, query))["qualityStatistics"]
        return rows

    counted = {"entered": 2, "handedOver": 1, "closed": 1}
    assert await numbers(OFFICE) == [{"value": None, "label": "Total", **counted}]
    assert await numbers(OFFICE, ", by: KIND") == [
        {"value": "LOW_SATISFACTION", "label": "Low satisfaction", **counted}
    ]
    assert [(row["value"], row["entered"]) for row in await numbers(OFFICE, ", by: STATUS")] == [
        ("OPEN", 1),
        ("CLOSED", 1),
    ]
    assert [row["value"] for row in await numbers(OFFICE, ", by: DEPARTMENT")] == [f"{CITY}.commerce"]
    nothing = [{"value": None, "label": "Total", "entered": 0, "handedOver": 0, "closed": 0}]
    assert await numbers(OFFICE, to="2026-03-02") == nothing
    assert await numbers(f"office@{CITY}.cangxi", within=f"{CITY}.cangxi") == nothing
    response = await s.api.ask(
        OFFICE, f'{{ qualityStatistics(within: "{CITY}", from: "2026-04-01", to: "2026-03-01") {{ entered }} }}'
    )
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_the_neighbour_and_the_wrong_role_get(supervised: Supervised) -> None:
    s = supervised
    entry = await entered(s)
    document = "query($id: ID!) { qualityEntry(id: $id) { id } node(id: $id) { id } }"
    for login in ("office@anshan", "supervision_officer@anshan"):
        assert await s.api.data(login, document, id=entry["id"]) == {"qualityEntry": None, "node": None}
        assert await entries(s, login) == []
        payload = await step(s, login, "qualityEntryClose", qualityEntryId=entry["id"], outcome="已督促整改")
        nowhere = ids.encode("QE", s.api.world.guangyuan.id, uuid.uuid4())
        missing = await step(s, login, "qualityEntryClose", qualityEntryId=nowhere, outcome="已督促整改")
        assert payload["userErrors"] == missing["userErrors"]
        assert payload["userErrors"][0]["code"] == "NOT_FOUND"
    for login in (DESK, HANDLER, s.api.world.guangyuan.enterprise.login):
        response = await s.api.ask(login, "{ qualityEntries { edges { node { id } } } }")
        assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN", login
        verb = "mutation($input: QualityEntryHandOverInput!) { qualityEntryHandOver(input: $input) { __typename } }"
        response = await s.api.ask(login, verb, input={"qualityEntryId": entry["id"]})
        assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN", login
    response = await s.api.ask(OFFICE, '{ qualityEntry(id: "QE_AAA") { id } }')
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_sample_tells_how_many_passed(supervised: Supervised) -> None:
    s = supervised
    for _ in range(2):
        ticket = await s.ticket()
        await s.then(ticket, HANDLER, "ticketResolve", reply="已现场核实,三日内完成整改并回复。")
    s.clock.advance(timedelta(days=40))
    document = (
        "mutation($input: QualitySampleDrawInput!) { qualitySampleDraw(input: $input) { qualitySample { id size "
        "passRate { numerator denominator value } checks(first: 9) { edges { node { ticket { id } } } } } } }"
    )
    given = {"within": CITY, "from": "2026-03-01", "to": "2026-04-01"}
    sample = (await s.api.data(SUPERVISION, document, input=given))["qualitySampleDraw"]["qualitySample"]
    assert (sample["size"], sample["passRate"]) == (1, {"numerator": 0, "denominator": 0, "value": None})
    (edge,) = sample["checks"]["edges"]
    document = (
        "mutation($input: QualityCheckRecordInput!) { qualityCheckRecord(input: $input) { qualitySample "
        "{ passRate { numerator denominator value } } userErrors { message } } }"
    )
    given = {"sampleId": sample["id"], "ticketId": edge["node"]["ticket"]["id"], "passed": False, "findings": "未联系"}
    checked = (await s.api.data(SUPERVISION, document, input=given))["qualityCheckRecord"]["qualitySample"]
    assert checked["passRate"] == {"numerator": 0, "denominator": 1, "value": "0.0000"}
    (entry,) = await entries(s, OFFICE)
    assert entry["kind"] == "LOW_QUALITY"
