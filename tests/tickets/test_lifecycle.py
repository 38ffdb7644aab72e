"""The transition table against domain.md, section 5, and random walks over it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import IllegalTransition
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import (
    FINAL_STATUSES,
    INITIAL,
    JUDGED_STATUSES,
    OFFICE_STEPS,
    OPEN_STATUSES,
    PERMISSIONS,
    TRANSITIONS,
    Action,
    Facts,
    acceptance_outcome,
    allowed_from,
    check_step,
    follow_up_outcome,
    next_round,
    next_status,
    outcomes,
    permissions_of,
    rating_outcome,
    required_permission,
)
from app.tickets.words import Malice, TicketEventType, TicketStatus
from authz.permissions import Permission
from tenants.schemes.words import CoordinationLevel

A, S = Action, TicketStatus

# What the source says, once more and by hand: state → verb → states that may follow. Comments and withdrawals apart.
EXPECTED: dict[TicketStatus, dict[Action, set[TicketStatus]]] = {
    S.SUBMITTED: {
        A.ACCEPT: {S.ACCEPTED, S.IN_PROGRESS},
        A.RETURN: {S.DISPUTED},
        A.DECLINE: {S.DECLINED},
        A.ANSWER: {S.ANSWERED},
        A.MERGE: {S.CLOSED},
        A.TRANSFER: {S.TRANSFERRED},
    },
    S.ACCEPTED: {
        A.DISPATCH: {S.DISPATCHED},
        A.ANSWER: {S.ANSWERED},
        A.TERMINATE: {S.TERMINATED},
        A.MERGE: {S.CLOSED},
        A.TRANSFER: {S.TRANSFERRED},
    },
    S.ANSWERED: {A.FOLLOW_UP: {S.CLOSED, S.ACCEPTED, S.ESCALATED}, A.RATE: {S.CLOSED, S.ANSWERED}},
    S.DISPATCHED: {A.ACKNOWLEDGE: {S.IN_PROGRESS}, A.RETURN: {S.DISPUTED}, A.PART_REPORT: {S.DISPATCHED}},
    S.DISPUTED: {A.REFER: {S.DISPUTED}, A.ARBITRATE: {S.DISPATCHED}},
    S.IN_PROGRESS: {
        A.FIRST_CONTACT: {S.IN_PROGRESS},
        A.EXTENSION_REQUEST: {S.IN_PROGRESS},
        A.EXTENSION_DECIDE: {S.IN_PROGRESS},
        A.SUSPEND: {S.IN_PROGRESS},
        A.RESUME: {S.IN_PROGRESS},
        A.COORDINATION_REQUEST: {S.IN_PROGRESS},
        A.COORDINATION_DECIDE: {S.IN_PROGRESS},
        A.PART_REPORT: {S.IN_PROGRESS},
        A.RESOLVE: {S.RESOLVED},
        A.TERMINATE: {S.TERMINATED},
    },
    S.TRANSFERRED: {
        A.RATE: {S.TRANSFERRED},
        A.TRANSFER_CHASE: {S.TRANSFERRED},
        A.TRANSFER_DECIDE: {S.TRANSFERRED, S.SUBMITTED, S.ACCEPTED},
        A.TRANSFER_WITHDRAW: {S.SUBMITTED, S.ACCEPTED},
    },
    S.RESOLVED: {A.FOLLOW_UP: {S.CLOSED, S.DISPATCHED, S.ESCALATED}, A.RATE: {S.CLOSED, S.RESOLVED}},
    S.ESCALATED: {A.DISPATCH: {S.DISPATCHED}},
}
NOT_OFFERED_YET = {A.TRANSFER_DECIDE}
"""To nobody of the ticket's own city: the other side of a transfer decides."""
MALICE = (A.MALICE_FIND, A.MALICE_APPEAL, A.MALICE_DECIDE)

# What must be pending, or must not, for a verb: facts under which it is there, and under which it is not.
PENDING: dict[Action, tuple[dict[str, Any], dict[str, Any]]] = {
    A.ANSWER: ({}, {"own_receipt": True}),
    A.MERGE: ({}, {"own_receipt": True}),
    A.COORDINATION_DECIDE: ({"coordination": CoordinationLevel.WORKING_GROUP}, {}),
    A.COORDINATION_REQUEST: ({}, {"coordination": CoordinationLevel.TASK_GROUP}),
    A.EXTENSION_DECIDE: ({"extension_pending": True}, {}),
    A.EXTENSION_REQUEST: ({}, {"extension_pending": True}),
    A.FIRST_CONTACT: ({}, {"contacted": True}),
    A.MALICE_APPEAL: ({"malice": Malice.FOUND}, {}),
    A.MALICE_DECIDE: ({"malice": Malice.APPEALED}, {"malice": Malice.UPHELD}),
    A.MALICE_FIND: ({}, {"malice": Malice.OVERTURNED}),
    A.REFER: ({}, {"referred": True}),
    A.RESOLVE: ({}, {"suspended": True}),
    A.RESUME: ({"suspended": True}, {}),
    A.SUSPEND: ({}, {"suspended": True}),
    A.TRANSFER: ({}, {"restricted": True}),
    A.TRANSFER_DECIDE: ({}, {"elsewhere": S.ACCEPTED}),
    A.TRANSFER_WITHDRAW: ({}, {"elsewhere": S.ACCEPTED}),
    A.TRANSFER_CHASE: ({}, {"elsewhere": S.CLOSED}),
}


def expected(status: TicketStatus) -> dict[Action, set[TicketStatus]]:
    following = {action: {status} for action in MALICE} if status in JUDGED_STATUSES else {}
    if status in FINAL_STATUSES:
        return following
    return EXPECTED[status] | following | {A.WITHDRAW: {S.WITHDRAWN}, A.ATTACH: {status}, A.COMMENT: {status}}


def fitting(status: TicketStatus, action: Action) -> Facts:
    """Facts under which only the state decides about the verb."""
    facts = dict(PENDING[action][0]) if action in PENDING else {}
    if (status, action) == (S.SUBMITTED, A.RETURN):
        facts["own_receipt"] = True
    if (status, action) == (S.TRANSFERRED, A.RATE):
        facts["elsewhere"] = S.RESOLVED
    return Facts(status, **facts)


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("action", A)
def test_every_state_and_verb(status: TicketStatus, action: Action) -> None:
    following = expected(status).get(action)
    if following is None:
        facts = fitting(status, action)
        for ask in (check_step, next_status):
            with pytest.raises(IllegalTransition) as refusal:
                ask(facts, action)
            assert refusal.value.current == status
            assert refusal.value.action == action
            assert refusal.value.allowed == allowed_from(facts)
        with pytest.raises(KeyError):
            outcomes(status, action)
    else:
        check_step(fitting(status, action), action)
        assert outcomes(status, action) == following


@pytest.mark.parametrize(("action", "facts"), PENDING.items())
def test_what_is_pending_decides_too(action: Action, facts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    there, not_there = facts
    for status in S:
        if (status, action) in TRANSITIONS:
            check_step(Facts(status, **there), action)
            assert (action in allowed_from(Facts(status, **there))) == (action not in NOT_OFFERED_YET)
            with pytest.raises(IllegalTransition) as refusal:
                check_step(Facts(status, **not_there), action)
            assert action not in refusal.value.allowed


def test_only_the_competent_department_returns_what_it_received_itself() -> None:
    with pytest.raises(IllegalTransition):
        check_step(Facts(S.SUBMITTED), A.RETURN)
    check_step(Facts(S.SUBMITTED, own_receipt=True), A.RETURN)
    check_step(Facts(S.DISPATCHED), A.RETURN)


def test_what_is_offered() -> None:
    assert allowed_from(Facts(S.SUBMITTED)) == (
        *(A.ACCEPT, A.ANSWER, A.ATTACH, A.COMMENT, A.DECLINE, A.MERGE, A.TRANSFER, A.WITHDRAW),
    )
    assert allowed_from(Facts(S.IN_PROGRESS, suspended=True)) == (
        *(A.ATTACH, A.COMMENT, A.COORDINATION_REQUEST, A.FIRST_CONTACT, A.MALICE_FIND, A.PART_REPORT, A.RESUME),
        *(A.TERMINATE, A.WITHDRAW),
    )


def test_final_states_have_no_way_out() -> None:
    assert {S.DECLINED, S.CLOSED, S.TERMINATED, S.WITHDRAWN} == FINAL_STATUSES
    assert set(S) == OPEN_STATUSES | FINAL_STATUSES
    for status in FINAL_STATUSES:
        assert set(expected(status)) <= set(MALICE), "what was found of a complaint may be appealed after its end"
        assert all(outcomes(status, action) == {status} for action in expected(status))


def test_every_state_can_be_reached() -> None:
    reached = {INITIAL}
    while True:
        further = {to for (status, action) in TRANSITIONS if status in reached for to in outcomes(status, action)}
        if further <= reached:
            break
        reached |= further
    assert reached == set(S)


def test_a_verdict_is_never_guessed() -> None:
    for status in (S.RESOLVED, S.ANSWERED):
        for action in (A.FOLLOW_UP, A.RATE):
            with pytest.raises(ValueError, match="verdict"):
                next_status(Facts(status), action)
    with pytest.raises(ValueError, match="verdict"):
        next_status(Facts(S.SUBMITTED), A.ACCEPT)


def test_who_receives_decides_where_accepting_leads() -> None:
    assert acceptance_outcome(Facts(S.SUBMITTED)) is S.ACCEPTED
    assert acceptance_outcome(Facts(S.SUBMITTED, own_receipt=True)) is S.IN_PROGRESS
    with pytest.raises(IllegalTransition):
        acceptance_outcome(Facts(S.ACCEPTED))


def test_verbs_without_permission_are_offered_to_nobody() -> None:
    assert set(A) - set(PERMISSIONS) == NOT_OFFERED_YET
    assert not {action for status in S for action in allowed_from(Facts(status))} & NOT_OFFERED_YET


def test_every_offered_verb_has_its_event() -> None:
    assert set(EVENT_TYPES) == set(PERMISSIONS)
    by_no_verb = {"SUBMITTED", "QUALITY_CHECKED", "ABSORBED", "PROGRESSED"}
    by_the_clock = {"DEADLINE_WARNED", "DEADLINE_MISSED", "DEADLINE_MOVED", "TRANSFER_MOVED"}
    of_notices = {"NOTICE_ISSUED", "NOTICE_REPLIED", "NOTICE_CLOSED", "NOTICE_WITHDRAWN", "NOTICE_MOVED"}
    by_the_other_side = {"TRANSFER_ACCEPTED", "TRANSFER_DECLINED"}
    others = {TicketEventType(each) for each in by_no_verb | by_the_clock | of_notices | by_the_other_side}
    assert {*EVENT_TYPES.values(), *others} == set(TicketEventType)


def test_an_escalated_ticket_is_dispatched_one_level_up() -> None:
    assert required_permission(Facts(S.ACCEPTED), A.DISPATCH) is Permission.TICKET_DISPATCH
    assert required_permission(Facts(S.ESCALATED), A.DISPATCH) is Permission.TICKET_DISPATCH_ESCALATED


EVERY_FACT = [
    Facts(status, coordination=level, referred=referred, own_receipt=own_receipt, has_office=has_office)
    for status, level, referred, own_receipt, has_office in itertools.product(
        S, (None, *CoordinationLevel), (False, True), (False, True), (False, True)
    )
]


@pytest.mark.parametrize("action", sorted(PERMISSIONS))
def test_every_permission_a_verb_may_take(action: Action) -> None:
    assert {required_permission(facts, action) for facts in EVERY_FACT} == set(permissions_of(action))


def test_the_dispatcher_stands_in_for_the_office_that_a_city_has_not() -> None:
    assert {A.ARBITRATE, A.REFER, A.EXTENSION_DECIDE, A.TERMINATE} == OFFICE_STEPS
    for action in OFFICE_STEPS:
        without = Facts(S.DISPUTED, has_office=False)
        assert required_permission(without, action) is Permission.TICKET_DISPATCH
    referred = Facts(S.DISPUTED, referred=True, has_office=False)
    assert required_permission(referred, A.ARBITRATE) is Permission.TICKET_ARBITRATE_REFERRED


@pytest.mark.parametrize(
    ("status", "current_round", "dissatisfied", "justified", "outcome"),
    [
        (S.RESOLVED, 1, False, False, S.CLOSED),
        (S.RESOLVED, 1, False, True, S.CLOSED),
        (S.RESOLVED, 1, True, False, S.CLOSED),
        (S.RESOLVED, 1, True, True, S.DISPATCHED),  # 二次分办
        (S.RESOLVED, 2, True, True, S.ESCALATED),  # 仍不满意的,转为疑难复杂工单
        (S.RESOLVED, 3, True, True, S.ESCALATED),
        (S.RESOLVED, 2, True, False, S.CLOSED),
        (S.ANSWERED, 1, False, True, S.CLOSED),
        (S.ANSWERED, 1, True, False, S.CLOSED),
        (S.ANSWERED, 1, True, True, S.ACCEPTED),
        (S.ANSWERED, 2, True, True, S.ESCALATED),
    ],
)
def test_follow_up(
    status: TicketStatus, current_round: int, dissatisfied: bool, justified: bool, outcome: TicketStatus
) -> None:
    found = follow_up_outcome(Facts(status), current_round, dissatisfied=dissatisfied, justified=justified, rounds=2)
    assert found is outcome
    assert found in outcomes(status, A.FOLLOW_UP)


def test_the_scheme_says_how_many_rounds() -> None:
    def outcome(current_round: int, rounds: int) -> TicketStatus:
        return follow_up_outcome(Facts(S.RESOLVED), current_round, dissatisfied=True, justified=True, rounds=rounds)

    assert [outcome(1, 1), outcome(2, 3), outcome(3, 3)] == [S.ESCALATED, S.DISPATCHED, S.ESCALATED]


@pytest.mark.parametrize("status", sorted(set(S) - {S.RESOLVED, S.ANSWERED}))
def test_nothing_to_follow_up_or_rate(status: TicketStatus) -> None:
    with pytest.raises(IllegalTransition):
        follow_up_outcome(Facts(status), 1, dissatisfied=False, justified=False, rounds=2)
    with pytest.raises(IllegalTransition):
        rating_outcome(Facts(status), dissatisfied=False)


@pytest.mark.parametrize("status", [S.RESOLVED, S.ANSWERED])
def test_a_dissatisfied_rating_waits_for_the_follow_up(status: TicketStatus) -> None:
    assert rating_outcome(Facts(status), dissatisfied=True) is status
    assert rating_outcome(Facts(status), dissatisfied=False) is S.CLOSED


def test_rounds_count_attempts() -> None:
    again = {(S.RESOLVED, S.DISPATCHED), (S.ANSWERED, S.ACCEPTED), (S.ESCALATED, S.DISPATCHED)}
    for (status, action), _ in TRANSITIONS.items():
        for following in outcomes(status, action):
            assert next_round(status, following, 4) == (5 if (status, following) in again else 4)


@dataclass
class Walk:
    """A ticket that is only its rules."""

    status: TicketStatus = INITIAL
    round: int = 1
    version: int = 1
    timeline: list[tuple[int, TicketStatus | None, TicketStatus]] = field(default_factory=lambda: [(1, None, INITIAL)])

    def do(self, action: Action, dissatisfied: bool, justified: bool) -> None:
        facts = fitting(self.status, action)
        if action is A.ACCEPT:
            after = acceptance_outcome(facts)
        elif action is A.FOLLOW_UP:
            after = follow_up_outcome(facts, self.round, dissatisfied=dissatisfied, justified=justified, rounds=2)
        elif action is A.RATE:
            after = rating_outcome(facts, dissatisfied=dissatisfied)
        elif action in (A.TRANSFER_DECIDE, A.TRANSFER_WITHDRAW):
            check_step(facts, action)
            after = S.ACCEPTED if justified else S.SUBMITTED
        else:
            after = next_status(facts, action)
        self.round = next_round(self.status, after, self.round)
        before, self.status = self.status, after
        if action not in (A.ATTACH, A.COMMENT, A.TRANSFER_CHASE):
            self.version += 1
            self.timeline.append((self.version, before, after))


@given(st.lists(st.tuples(st.sampled_from(A), st.booleans(), st.booleans()), max_size=60))
def test_random_verbs(verbs: list[tuple[Action, bool, bool]]) -> None:
    walk = Walk()
    for action, dissatisfied, justified in verbs:
        before = Walk(walk.status, walk.round, walk.version, list(walk.timeline))
        if action in expected(walk.status):
            walk.do(action, dissatisfied, justified)
            assert walk.status in expected(before.status)[action]
            assert before.status in OPEN_STATUSES or action in MALICE
        else:
            with pytest.raises(IllegalTransition) as refusal:
                walk.do(action, dissatisfied, justified)
            assert walk == before, "a refusal changes nothing"
            assert set(refusal.value.allowed) <= set(expected(walk.status)), "nothing that the table has not"
        assert before.round <= walk.round <= before.round + 1
    replayed: TicketStatus | None = None
    for number, (version, before_status, after_status) in enumerate(walk.timeline, start=1):
        assert version == number
        assert before_status == replayed
        replayed = after_status
    assert replayed == walk.status
