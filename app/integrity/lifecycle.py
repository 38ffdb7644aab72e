"""The life of an entry of the integrity ledger (domain.md, section 6; 004_…txt, 四), pure.

State and verb give the next state. An entry with an amount is cleared by its instalments, one without by word of the
office.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from app.integrity.words import IntegrityAction, IntegrityStatus
from app.kernel.errors import IllegalTransition, InvalidInput
from authz.permissions import Permission

S, A = IntegrityStatus, IntegrityAction

INITIAL = S.OPENED
OUTSTANDING = frozenset({S.OPENED, S.CONFIRMED})
"""Something is still to be looked into, paid or put right (失信问题余量)."""
DIGITS = 2
"""Of an amount in yuan: fen."""
MOST = Decimal("9999999999999999.99")
"""What numeric(18, 2) holds."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of an entry decides which steps it has: its state, whether it has an amount, and whether any was paid."""

    status: IntegrityStatus
    money: bool
    paid: bool = False


TRANSITIONS: Mapping[tuple[IntegrityStatus, IntegrityAction], IntegrityStatus | frozenset[IntegrityStatus]] = (
    MappingProxyType(
        {
            (S.OPENED, A.CONFIRM): S.CONFIRMED,
            (S.OPENED, A.DISMISS): S.DISMISSED,
            (S.CONFIRMED, A.CLEAR): S.CLEARED,
            (S.CONFIRMED, A.INSTALMENT_RECORD): frozenset({S.CONFIRMED, S.CLEARED}),
            (S.CONFIRMED, A.INSTALMENT_REVERSE): S.CONFIRMED,
            (S.CLEARED, A.INSTALMENT_REVERSE): S.CONFIRMED,
        }
    )
)
"""Where the sum of the instalments decides, the table lists every state that may follow (`after_instalment`)."""

CONDITIONS: Mapping[IntegrityAction, Callable[[Facts], bool]] = MappingProxyType(
    {
        A.CLEAR: lambda facts: not facts.money,
        A.INSTALMENT_RECORD: lambda facts: facts.money,
        A.INSTALMENT_REVERSE: lambda facts: facts.money and facts.paid,
    }
)

PERMISSIONS: Mapping[IntegrityAction, Permission] = MappingProxyType(
    {
        A.CLEAR: Permission.INTEGRITY_KEEP,
        A.CONFIRM: Permission.INTEGRITY_KEEP,
        A.DISMISS: Permission.INTEGRITY_KEEP,
        A.INSTALMENT_RECORD: Permission.INTEGRITY_RECORD,
        A.INSTALMENT_REVERSE: Permission.INTEGRITY_KEEP,
    }
)
"""The debtor says what it has paid, and whoever keeps the ledger may take that back."""


def has_step(facts: Facts, action: IntegrityAction) -> bool:
    """Whether the state has the step, and the entry is such that it makes sense."""
    condition = CONDITIONS.get(action)
    return (facts.status, action) in TRANSITIONS and (condition is None or condition(facts))


def allowed_from(facts: Facts) -> tuple[IntegrityAction, ...]:
    """The verbs that somebody may do from here, in alphabetical order."""
    return tuple(action for action in A if has_step(facts, action))


def next_status(facts: Facts, action: IntegrityAction) -> IntegrityStatus:
    """The state that follows a verb other than `INSTALMENT_RECORD`; raises `IllegalTransition`."""
    check_step(facts, action)
    following = TRANSITIONS[facts.status, action]
    if isinstance(following, frozenset):
        raise ValueError(f"{action} from {facts.status} needs the sum of the instalments")
    return following


def check_step(facts: Facts, action: IntegrityAction) -> None:
    """Raise `IllegalTransition`, which tells what is allowed, when there is no such step now."""
    if not has_step(facts, action):
        raise IllegalTransition(current=facts.status, action=action, allowed=allowed_from(facts))


def after_instalment(amount: Decimal, cleared: Decimal) -> IntegrityStatus:
    """Where an entry stands once so much of its amount is paid."""
    return S.CLEARED if cleared == amount else S.CONFIRMED


def check_amount(field: str, value: Decimal) -> Decimal:
    """An amount in yuan, with two digits. Raises `InvalidInput`: `not_positive`, `precision` (finer than a fen),
    `too_large`."""
    if not value.is_finite() or value <= 0:
        raise InvalidInput(field, "not_positive")
    if value > MOST:
        raise InvalidInput(field, "too_large")
    exact = value.quantize(Decimal(1).scaleb(-DIGITS))
    if exact != value:
        raise InvalidInput(field, "precision", limit=DIGITS)
    return exact
