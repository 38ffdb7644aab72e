"""People at work over HTTP: tickets from submission to closing, every mutation under a key and sent until answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.client import PATIENCE, Http
from tests.e2e.serving import Serving

AGENT = "intake_agent@guangyuan"
DISPATCHER = "dispatcher@guangyuan"
HANDLER = "handler@guangyuan.commerce"
SUBMISSION = {"category": "HELP", "channel": "WEB", "title": "厂房用电报装", "body": "六月申请用电报装,至今没有答复。"}


@dataclass(frozen=True)
class Confirmed:
    """A mutation that the server has confirmed: what it must have left behind, exactly once."""

    ticket: str
    event: str
    note: str | None
    version: int
    status: str


@dataclass
class Office:
    """The people of Guangyuan who carry a ticket, each with a connection of their own to the server."""

    people: dict[str, Http]
    enterprise: str
    confirmed: list[Confirmed] = field(default_factory=list)

    @property
    def unanswered(self) -> int:
        """How many requests of theirs got no answer."""
        return sum(person.unanswered for person in self.people.values())

    async def do(self, who: str, event: str, verb: str, words: str | None = None, **given: Any) -> str:
        """One mutation, certainly; the ticket's id. `words` is what the log will quote."""
        payload = await self.people[who].insist(verb, **given, idempotencyKey=(words or str(given))[:200])
        ticket = payload["ticket"]
        self.confirmed.append(Confirmed(ticket["id"], event, words, ticket["version"], ticket["status"]))
        return str(ticket["id"])

    async def submit(self, name: str) -> str:
        return await self.do(self.enterprise, "SUBMITTED", "ticketSubmit", **{**SUBMISSION, "body": name})

    async def comment(self, who: str, ticket: str, note: str, *, visibility: str = "PUBLIC") -> None:
        await self.do(who, "COMMENTED", "ticketComment", note, ticketId=ticket, body=note, visibility=visibility)

    async def carry(self, name: str) -> str:
        """A ticket's whole road; its id."""
        ticket = await self.submit(name)
        await self.carry_on(ticket, name)
        return ticket

    async def carry_on(self, ticket: str, name: str) -> None:
        """The road of a submitted ticket to its closing."""
        await self.do(AGENT, "ACCEPTED", "ticketAccept", ticketId=ticket, expectedVersion=1)
        note = f"{name}: 请办理"
        await self.do(
            DISPATCHER, "DISPATCHED", "ticketDispatch", note, ticketId=ticket, lead="guangyuan.commerce", note=note
        )
        await self.do(HANDLER, "ACKNOWLEDGED", "ticketAcknowledge", ticketId=ticket)
        await self.comment(HANDLER, ticket, f"{name}: 内部", visibility="INTERNAL")
        await self.comment(self.enterprise, ticket, f"{name}: 催办")
        note = f"{name}: 已办结"
        await self.do(HANDLER, "RESOLVED", "ticketResolve", note, ticketId=ticket, reply=note)
        note = f"{name}: 很满意"
        await self.do(
            AGENT, "FOLLOWED_UP", "ticketFollowUp", note, ticketId=ticket, satisfaction="VERY_SATISFIED", note=note
        )

    async def until(self, confirmed: int) -> None:
        """Wait until that many mutations are confirmed."""
        async with asyncio.timeout(PATIENCE):
            while len(self.confirmed) < confirmed:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


MUTATIONS_OF_A_ROAD = 8


@asynccontextmanager
async def office(serving: Serving) -> AsyncIterator[Office]:
    """The people of Guangyuan, signed in."""
    enterprise = serving.place.world.guangyuan.enterprise.login
    async with AsyncExitStack() as stack:
        people = {
            login: await stack.enter_async_context(Http(serving.url, serving.place.token(login)))
            for login in (AGENT, DISPATCHER, HANDLER, enterprise)
        }
        yield Office(people, enterprise)
