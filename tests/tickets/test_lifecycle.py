"""The transition table against domain.md, section 5, and random walks over it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import IllegalTransition
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import (
    FINAL_STATUSES,
    INITIAL,
    OPEN_STATUSES,
    PERMISSIONS,
    TRANSITIONS,
    Action,
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
from app.tickets.words import TicketEventType, TicketStatus
from authz.permissions import Permission

A, S = Action, TicketStatus

# What the source says, once more and by hand: state → verb → states that may follow. Comments and withdrawals apart.
EXPECTED: dict[TicketStatus, dict[Action, set[TicketStatus]]] = {
    S.SUBMITTED: {
        A.ACCEPT: {S.ACCEPTED},
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
    S.DISPATCHED: {A.ACKNOWLEDGE: {S.IN_PROGRESS}, A.RETURN: {S.DISPUTED}},
    S.DISPUTED: {A.ARBITRATE: {S.DISPATCHED}},
    S.IN_PROGRESS: {
        A.FIRST_CONTACT: {S.IN_PROGRESS},
        A.EXTENSION_REQUEST: {S.IN_PROGRESS},
        A.EXTENSION_DECIDE: {S.IN_PROGRESS},
        A.SUSPEND: {S.IN_PROGRESS},
        A.RESUME: {S.IN_PROGRESS},
        A.COORDINATE: {S.IN_PROGRESS},
        A.RESOLVE: {S.RESOLVED},
        A.TERMINATE: {S.TERMINATED},
    },
    S.RESOLVED: {A.FOLLOW_UP: {S.CLOSED, S.DISPATCHED, S.ESCALATED}, A.RATE: {S.CLOSED, S.RESOLVED}},
    S.ESCALATED: {A.DISPATCH: {S.DISPATCHED}},
}
NOT_OFFERED_YET = {
    A.COORDINATE,
    A.EXTENSION_DECIDE,
    A.EXTENSION_REQUEST,
    A.FIRST_CONTACT,
    A.MERGE,
    A.RESUME,
    A.SUSPEND,
    A.TERMINATE,
    A.TRANSFER,
}


def expected(status: TicketStatus) -> dict[Action, set[TicketStatus]]:
    if status in FINAL_STATUSES:
        return {}
    return EXPECTED[status] | {A.WITHDRAW: {S.WITHDRAWN}, A.COMMENT: {status}}


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("action", A)
def test_every_state_and_verb(status: TicketStatus, action: Action) -> None:
    following = expected(status).get(action)
    if following is None:
        with pytest.raises(IllegalTransition) as refusal:
            check_step(status, action)
        assert refusal.value.current == status
        assert refusal.value.action == action
        assert refusal.value.allowed == tuple(sorted(set(expected(status)) - NOT_OFFERED_YET))
        for ask in (next_status, outcomes):
            with pytest.raises(IllegalTransition):
                ask(status, action)
    else:
        check_step(status, action)
        assert outcomes(status, action) == following


def test_final_states_have_no_way_out() -> None:
    assert {S.DECLINED, S.CLOSED, S.TERMINATED, S.TRANSFERRED, S.WITHDRAWN} == FINAL_STATUSES
    assert set(S) == OPEN_STATUSES | FINAL_STATUSES
    assert not {status for status, _ in TRANSITIONS} & FINAL_STATUSES
    assert all(allowed_from(status) == () for status in FINAL_STATUSES)


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
                next_status(status, action)


def test_verbs_without_permission_are_offered_to_nobody() -> None:
    assert set(A) - set(PERMISSIONS) == NOT_OFFERED_YET
    assert not {action for status in S for action in allowed_from(status)} & NOT_OFFERED_YET


def test_every_offered_verb_has_its_event() -> None:
    assert set(EVENT_TYPES) == set(PERMISSIONS)
    assert {*EVENT_TYPES.values(), TicketEventType.SUBMITTED} == set(TicketEventType)


def test_an_escalated_ticket_is_dispatched_one_level_up() -> None:
    assert required_permission(S.ACCEPTED, A.DISPATCH) is Permission.TICKET_DISPATCH
    assert required_permission(S.ESCALATED, A.DISPATCH) is Permission.TICKET_DISPATCH_ESCALATED
    for action in PERMISSIONS:
        asked = {required_permission(status, action) for status in S if action in allowed_from(status)}
        assert asked == set(permissions_of(action))


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
    found = follow_up_outcome(status, current_round, dissatisfied=dissatisfied, justified=justified, rounds=2)
    assert found is outcome
    assert found in outcomes(status, A.FOLLOW_UP)


def test_the_scheme_says_how_many_rounds() -> None:
    def outcome(current_round: int, rounds: int) -> TicketStatus:
        return follow_up_outcome(S.RESOLVED, current_round, dissatisfied=True, justified=True, rounds=rounds)

    assert [outcome(1, 1), outcome(2, 3), outcome(3, 3)] == [S.ESCALATED, S.DISPATCHED, S.ESCALATED]


@pytest.mark.parametrize("status", sorted(set(S) - {S.RESOLVED, S.ANSWERED}))
def test_nothing_to_follow_up_or_rate(status: TicketStatus) -> None:
    with pytest.raises(IllegalTransition):
        follow_up_outcome(status, 1, dissatisfied=False, justified=False, rounds=2)
    with pytest.raises(IllegalTransition):
        rating_outcome(status, dissatisfied=False)


@pytest.mark.parametrize("status", [S.RESOLVED, S.ANSWERED])
def test_a_dissatisfied_rating_waits_for_the_follow_up(status: TicketStatus) -> None:
    assert rating_outcome(status, dissatisfied=True) is status
    assert rating_outcome(status, dissatisfied=False) is S.CLOSED


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
        if action is A.FOLLOW_UP:
            after = follow_up_outcome(self.status, self.round, dissatisfied=dissatisfied, justified=justified, rounds=2)
        elif action is A.RATE:
            after = rating_outcome(self.status, dissatisfied=dissatisfied)
        else:
            after = next_status(self.status, action)
        self.round = next_round(self.status, after, self.round)
        before, self.status = self.status, after
        if action is not A.COMMENT:
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
            assert before.status in OPEN_STATUSES
        else:
            with pytest.raises(IllegalTransition) as refusal:
                walk.do(action, dissatisfied, justified)
            assert walk == before, "a refusal changes nothing"
            assert set(refusal.value.allowed) <= set(expected(walk.status))
        assert before.round <= walk.round <= before.round + 1
    replayed: TicketStatus | None = None
    for number, (version, before_status, after_status) in enumerate(walk.timeline, start=1):
        assert version == number
        assert before_status == replayed
        replayed = after_status
    assert replayed == walk.status
