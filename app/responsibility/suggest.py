"""Which department a problem belongs to, ranked, with the reasons. Pure: texts and counts in, suggestions out.

Two voices are heard. The list speaks through the words of its subjects, and where an arbitration overruled a subject,
through whom the ticket was given to. Practice speaks through the words of earlier tickets of each department: a
smoothed word model of each (Dirichlet), compared with that of the whole city. Every reason can be checked by a reader:
a subject with its legal basis, words that stand in the text, a count of tickets. The constants are the method's own;
no document speaks of them, and `tests/benchmarks/suggestions.py` measures them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from math import exp, log, sqrt

from app.responsibility.models import HandlingLevel

RULING_WEIGHT = 3
"""What a ruling weighs, for whom it names and against whom it takes from; a plain dispatch weighs 1."""
LONGEST_READ = 2_000
"""Characters of a text that are looked at; what a problem is stands in front."""
MOST_SUGGESTIONS = 5
MOST_KEYWORDS = 5
MOST_SUBJECTS = 8
"""Subjects of the list that have a voice in one suggestion: the best."""
SMALLEST_SHARE = 0.02
"""A department that less than this speaks for is not suggested."""

_SMOOTHING = 500.0
"""How many words' worth of the whole city's language every department is taken to have used (μ)."""
_LIST_DOUBT = 3.0
"""The list is half sure of itself at this strength of match."""
_PRACTICE_DOUBT = 20.0
"""Practice is half sure of itself at so many tickets."""
_IN_NAME = 0.5
"""A pair of characters of a subject's name, beside a keyword's 1 for each of its characters."""
_GIVEN = 20.0
"""The strength of a subject that a person has given to the ticket."""
_OVERRULED = 2.0
"""How much of a subject's voice one ruling takes from the listed department: 2/3, two 4/5, and so on."""
_TELLING = log(2)
"""A word is a good reason when it is twice as frequent in the department's tickets as in the city's; where there is
none so good, the best is told."""
_ROUNDING = 1e-9
_RETURNED = 0.5
"""What is left of a department's share when it has returned this very ticket."""

_HAN = re.compile(r"[㐀-鿿]+")
_LATIN = re.compile(r"[a-z][a-z0-9]+", re.ASCII)


class SuggestionReasonKind(StrEnum):
    """Why a department is suggested."""

    CORRECTED = "CORRECTED"
    LISTED = "LISTED"
    PRACTICE = "PRACTICE"
    RETURNED = "RETURNED"


@dataclass(frozen=True)
class Subject:
    """A subject of the list."""

    id: uuid.UUID
    name: str
    tenant_id: int
    level: HandlingLevel
    legal_basis: str | None
    keywords: tuple[str, ...]

    @cached_property
    def pairs(self) -> frozenset[str]:
        """The words of its name."""
        return terms_of(self.name)


@dataclass(frozen=True, slots=True)
class Count:
    """In how many tickets of a tenant a word stands, and how much that weighs (rulings more, against it below 0)."""

    tickets: int
    weight: int


@dataclass(frozen=True)
class Practice:
    """What earlier tickets teach, as far as the words at hand go. `tenants`: all their tickets and words."""

    words: Mapping[str, Mapping[int, Count]]
    tenants: Mapping[int, Count]


NO_PRACTICE = Practice({}, {})


@dataclass(frozen=True)
class Reason:
    """One reason; `tickets` counts rulings or earlier tickets, `keywords` stand in the text, the strongest first."""

    kind: SuggestionReasonKind
    subject: Subject | None = None
    keywords: tuple[str, ...] = ()
    tickets: int = 0


@dataclass(frozen=True)
class Suggestion:
    """A department, its share of what speaks for anybody (0–1, two decimals), and why."""

    tenant_id: int
    score: Decimal
    reasons: tuple[Reason, ...]


Resolve = Callable[[int, HandlingLevel], int | None]
"""Who is meant by (listed department, level) where the matter lies; None: nobody whom the viewer could name."""


def terms_of(*texts: str) -> frozenset[str]:
    """The words of a text: pairs of Chinese characters, which is what words are in a language without spaces, and
    Latin words. No digits: numbers of telephones, contracts and people teach nothing and are nobody's business."""
    found: set[str] = set()
    for text in texts:
        lowered = text[:LONGEST_READ].casefold()
        for run in _HAN.findall(lowered):
            found.update(map("".join, pairwise(run)))
        found.update(_LATIN.findall(lowered))
    return frozenset(found)


def suggest(
    terms: Collection[str],
    matches: Sequence[Match],
    rulings: Mapping[uuid.UUID, Mapping[int, int]],
    practice: Practice,
    resolve: Resolve,
    *,
    returned_by: int | None = None,
) -> list[Suggestion]:
    """The departments that most speaks for, at most five.

    Of a text with these `terms` (`terms_of`) and `matches` (`match_subjects`); `rulings`: how often each of the
    matched subjects was overruled, and in whose favour; `returned_by`: who has just returned this very ticket.
    """
    listed, list_reasons = _voice_of_list(matches, rulings, resolve)
    strength = matches[0].strength if matches else 0.0
    practised, words = _voice_of_practice(terms, practice, resolve)
    known = sum(max(0, count.tickets) for count in practice.tenants.values())
    # How sure each voice is of itself decides how much it counts.
    list_share = strength / (strength + _LIST_DOUBT)
    practice_share = _certainty(practised) * known / (known + _PRACTICE_DOUBT)
    together = list_share + practice_share
    if not together:
        return []
    shares = {
        tenant: (list_share * listed.get(tenant, 0.0) + practice_share * practised.get(tenant, 0.0)) / together
        for tenant in {*listed, *practised}
    }
    if returned_by in shares:
        shares[returned_by] *= _RETURNED
    suggestions = []
    for tenant, share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        reasons = [*list_reasons.get(tenant, ()), *words.get(tenant, ())]
        if share < SMALLEST_SHARE or not reasons:  # that it has much to do is no reason
            continue
        if tenant == returned_by:
            reasons.append(Reason(SuggestionReasonKind.RETURNED, tickets=1))
        score = Decimal(share).quantize(Decimal("0.01"), ROUND_HALF_UP)
        suggestions.append(Suggestion(tenant, score, tuple(reasons)))
    return suggestions[:MOST_SUGGESTIONS]


# The list


@dataclass(frozen=True)
class Match:
    """A subject that the text speaks of: how strongly, and by which of its words."""

    subject: Subject
    strength: float
    keywords: tuple[str, ...]


def match_subjects(title: str, body: str, subjects: Sequence[Subject], *, given: bool = False) -> list[Match]:
    """The subjects that share words with a text, the strongest first; what stands in the title counts double.

    `given`: somebody has named these subjects, so that they match, whatever the words.
    """
    text, heading = body[:LONGEST_READ].casefold(), title.casefold()
    matches = []
    for subject in subjects:
        found = {word: 2 if word in heading else 1 for word in subject.keywords if word in heading or word in text}
        named = sum(2 if pair in heading else 1 for pair in subject.pairs if pair in heading or pair in text)
        strength = sum(len(word) * times for word, times in found.items()) + _IN_NAME * named
        strength += _GIVEN if given else 0
        if found or named >= 3 or given:
            words = sorted(found, key=lambda word: (-len(word) * found[word], word))
            matches.append(Match(subject, strength, tuple(words[:MOST_KEYWORDS])))
    matches.sort(key=lambda match: (-match.strength, match.subject.name))
    return matches[:MOST_SUBJECTS]


def _voice_of_list(
    matches: Sequence[Match], rulings: Mapping[uuid.UUID, Mapping[int, int]], resolve: Resolve
) -> tuple[dict[int, float], dict[int, list[Reason]]]:
    """The list's shares by tenant, and its reasons. A subject speaks with the square of its strength, so that the best
    match leads; what rulings took from its department they gave to whom they named."""
    shares: dict[int, float] = {}
    reasons: dict[int, list[Reason]] = {}
    total = sum(match.strength**2 for match in matches)
    for match in matches:
        subject = match.subject
        voice = match.strength**2 / total
        ruled = rulings.get(subject.id, {})
        overruled = sum(ruled.values())
        listed = resolve(subject.tenant_id, subject.level)
        if listed is not None:
            shares[listed] = shares.get(listed, 0.0) + voice / (1 + _OVERRULED * overruled)
            reasons.setdefault(listed, []).append(Reason(SuggestionReasonKind.LISTED, subject, match.keywords))
        for tenant, count in ruled.items():
            given = resolve(tenant, HandlingLevel.CITY)
            if given is not None:
                part = count * _OVERRULED / (1 + _OVERRULED * overruled)
                shares[given] = shares.get(given, 0.0) + voice * part
                reason = Reason(SuggestionReasonKind.CORRECTED, subject, match.keywords, count)
                reasons.setdefault(given, []).insert(0, reason)
    said = sum(shares.values())
    return {tenant: share / said for tenant, share in shares.items()}, {
        tenant: found[:2] for tenant, found in reasons.items()
    }


# Practice


def _voice_of_practice(
    words: Collection[str], practice: Practice, resolve: Resolve
) -> tuple[dict[int, float], dict[int, list[Reason]]]:
    """The shares by tenant of a word model of each, and the words that speak most for it.

    A word's say for a department is how much more often it stands in that department's tickets than in the city's.
    What counties have learned is put together for the one in which the matter lies: so says `resolve`.
    """
    place_of = {tenant: resolve(tenant, HandlingLevel.CITY) for tenant in practice.tenants}
    candidates = {
        tenant: count
        for tenant, count in _placed(practice.tenants, place_of).items()
        if count.tickets > 0 and count.weight > 0
    }
    everything = sum(count.weight for count in candidates.values())
    likely = {tenant: log(count.tickets) for tenant, count in candidates.items()}
    # What a word that a department never used says against it.
    unused = {tenant: log(_SMOOTHING / (count.weight + _SMOOTHING)) for tenant, count in candidates.items()}
    says: dict[int, list[tuple[float, str, int]]] = {tenant: [] for tenant in candidates}
    heard = 0
    for word in sorted(words):
        counts = _placed(practice.words.get(word, {}), place_of)
        overall = sum(count.weight for tenant, count in counts.items() if tenant in candidates and count.weight > 0)
        if not overall:
            continue
        heard += 1
        expected = _SMOOTHING * overall / everything
        for tenant, count in counts.items():
            if tenant not in candidates or count.weight <= 0:
                continue
            more = log(1 + count.weight / expected)
            likely[tenant] += more
            if unused[tenant] + more > -_ROUNDING and count.tickets > 0:
                says[tenant].append((unused[tenant] + more, word, count.tickets))
    if not heard:
        return {}, {}
    # Words of one sentence are not independent, as the model takes them to be: dampened, or it would always be sure.
    dampened = {tenant: (value + heard * unused[tenant]) / sqrt(heard) for tenant, value in likely.items()}
    most = max(dampened.values())
    odds = {tenant: exp(value - most) for tenant, value in dampened.items()}
    total_odds = sum(odds.values())
    reasons = {}
    for tenant, said in says.items():
        if said:
            ranked = sorted(said, key=lambda item: (-item[0], item[1]))
            strongest = [item for item in ranked if item[0] > _TELLING][:MOST_KEYWORDS] or ranked[:1]
            reasons[tenant] = [
                Reason(
                    SuggestionReasonKind.PRACTICE,
                    keywords=tuple(word for _, word, _ in strongest),
                    tickets=strongest[0][2],
                )
            ]
    return {tenant: value / total_odds for tenant, value in odds.items()}, reasons


def _placed(counts: Mapping[int, Count], place_of: Mapping[int, int | None]) -> dict[int, Count]:
    """The counts by who is meant; of whom nobody is meant by, nothing."""
    placed: dict[int, Count] = {}
    for tenant, count in counts.items():
        place = place_of.get(tenant)
        if place is not None:
            known = placed.get(place)
            placed[place] = (
                count if known is None else Count(known.tickets + count.tickets, known.weight + count.weight)
            )
    return placed


def _certainty(shares: Mapping[int, float]) -> float:
    """1 when all speaks for one, 0 when nothing is known or everybody is as likely: 1 less the relative entropy."""
    if len(shares) < 2:
        return float(len(shares))
    return 1 + sum(share * log(share) for share in shares.values() if share > 0) / log(len(shares))
