"""The scorer by itself: words in, departments and reasons out."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.responsibility.evidence import Lesson, lessons_of_dispatch, lessons_of_ruling
from app.responsibility.models import HandlingLevel
from app.responsibility.suggest import (
    NO_PRACTICE,
    RULING_WEIGHT,
    Count,
    Practice,
    Resolve,
    Subject,
    Suggestion,
    SuggestionReasonKind,
    match_subjects,
    suggest,
    terms_of,
)

WATER, POWER, COUNTY = 1, 2, 9
K = SuggestionReasonKind


def subject(name: str, tenant: int, *keywords: str, level: HandlingLevel = HandlingLevel.CITY) -> Subject:
    return Subject(uuid.uuid4(), name, tenant, level, f"{name}条例", keywords)


LIST = [subject("供水报装", WATER, "供水", "水压"), subject("用电报装", POWER, "用电", "变压器")]


def nobody_else(tenant: int, level: HandlingLevel) -> int | None:
    return tenant if level is HandlingLevel.CITY else COUNTY


def practice_of(*told: tuple[int, str], times: int = 1) -> Practice:
    """What tickets with these texts teach, each dispatched to its tenant so many times."""
    words: dict[str, dict[int, Count]] = {}
    tenants: dict[int, Count] = {}
    for tenant, text in told:
        terms = terms_of(text)
        for term in terms:
            known = words.setdefault(term, {}).get(tenant, Count(0, 0))
            words[term][tenant] = Count(known.tickets + times, known.weight + times)
        known = tenants.get(tenant, Count(0, 0))
        tenants[tenant] = Count(known.tickets + times, known.weight + times * len(terms))
    return Practice(words, tenants)


def of(
    text: str,
    practice: Practice = NO_PRACTICE,
    subjects: list[Subject] = LIST,
    *,
    rulings: dict[uuid.UUID, dict[int, int]] | None = None,
    resolve: Resolve = nobody_else,
    returned_by: int | None = None,
) -> list[Suggestion]:
    matches = match_subjects(text, "", subjects)
    return suggest(terms_of(text), matches, rulings or {}, practice, resolve, returned_by=returned_by)


def test_words_are_pairs_of_characters_and_latin_words_and_never_numbers() -> None:
    assert terms_of("园区水压不足 CNC, 电话13900001111") == {"园区", "区水", "水压", "压不", "不足", "cnc", "电话"}
    assert terms_of("", "水") == frozenset()


def test_only_the_beginning_of_a_very_long_text_is_read() -> None:
    assert "水压" not in terms_of("很" * 3_000 + "水压")


def test_the_list_names_its_department_with_the_subject_and_the_words() -> None:
    (found,) = of("厂区水压不足")
    assert found.tenant_id == WATER
    assert found.score == Decimal("1.00")
    (reason,) = found.reasons
    assert (reason.kind, reason.subject, reason.keywords) == (K.LISTED, LIST[0], ("水压",))


def test_a_longer_match_leads() -> None:
    first, second = of("变压器增容后厂区水压不足")
    assert (first.tenant_id, second.tenant_id) == (POWER, WATER)
    assert first.score + second.score == 1


def test_nothing_speaks_for_anybody() -> None:
    assert of("咨询入学政策") == []
    assert of("") == []
    assert of("水压", subjects=[]) == []


def test_what_is_handled_below_the_city_goes_where_it_lies() -> None:
    local = [subject("摊贩占道", WATER, "占道", level=HandlingLevel.COUNTY)]
    assert [each.tenant_id for each in of("商贩占道经营", subjects=local)] == [COUNTY]


def test_whom_the_viewer_cannot_name_is_not_suggested() -> None:
    assert of("水压不足", practice_of((WATER, "水压不足")), resolve=lambda _tenant, _level: None) == []


def test_practice_speaks_with_words_that_are_its_own() -> None:
    practice = practice_of((WATER, "厂区闪停请予帮助"), (POWER, "设备停机请予帮助"), times=20)
    found = of("设备又停机,请予帮助", practice, [])
    assert found[0].tenant_id == POWER
    (reason,) = found[0].reasons
    assert reason.kind == K.PRACTICE
    assert reason.tickets == 20
    assert reason.keywords[0] in {"设备", "停机"}  # and not what everybody writes


def test_practice_of_unknown_words_has_no_say() -> None:
    assert of("咨询入学政策", practice_of((WATER, "水压不足"), times=50), []) == []


def test_a_ruling_turns_what_the_list_says() -> None:
    (ruled, listed) = of("厂区水压不足", rulings={LIST[0].id: {POWER: 1}})
    assert (ruled.tenant_id, listed.tenant_id) == (POWER, WATER)
    assert ruled.score == Decimal("0.67")
    assert [(reason.kind, reason.tickets) for reason in ruled.reasons] == [(K.CORRECTED, 1)]
    assert [reason.kind for reason in listed.reasons] == [K.LISTED]
    (again, _) = of("厂区水压不足", rulings={LIST[0].id: {POWER: 4}})
    assert again.score > ruled.score


def test_who_has_returned_it_loses_half() -> None:
    text = "厂区水压不足,变压器"
    before = {each.tenant_id: each.score for each in of(text)}
    after = {each.tenant_id: each for each in of(text, returned_by=POWER)}
    assert abs(after[POWER].score - before[POWER] / 2) <= Decimal("0.01")
    assert after[POWER].reasons[-1].kind == K.RETURNED
    assert after[WATER].score == before[WATER]


def test_a_given_subject_matches_whatever_the_words() -> None:
    assert match_subjects("咨询入学政策", "", LIST) == []
    (match,) = match_subjects("咨询入学政策", "", LIST[:1], given=True)
    assert match.subject is LIST[0]


@given(
    st.text(max_size=200),
    st.lists(st.tuples(st.sampled_from([WATER, POWER, COUNTY]), st.text(max_size=50)), max_size=5),
)
def test_shares_are_shares_whatever_the_text(text: str, told: list[tuple[int, str]]) -> None:
    found = of(text, practice_of(*told))
    assert sum(each.score for each in found) <= Decimal("1.02")  # each is rounded
    assert all(0 < each.score <= 1 for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len({each.tenant_id for each in found}) == len(found) <= 5
    assert all(each.reasons for each in found)


# What is taught


def test_a_dispatch_speaks_for_the_lead_and_a_second_one_takes_the_first_back() -> None:
    assert lessons_of_dispatch(None, WATER) == [Lesson(WATER, 1, 1)]
    assert lessons_of_dispatch(WATER, WATER) == []
    assert lessons_of_dispatch(WATER, POWER) == [Lesson(POWER, 1, 1), Lesson(WATER, -1, -1)]


@pytest.mark.parametrize("counted", [True, False])
def test_a_ruling_counts_for_and_against_more_than_a_dispatch(counted: bool) -> None:
    before = [Lesson(WATER, 1, 1)] if counted else []
    after = before + lessons_of_ruling(WATER, POWER, counted=counted)
    assert total(after, POWER) == (1, RULING_WEIGHT)
    assert total(after, WATER) == (0, -RULING_WEIGHT)
    upheld = before + lessons_of_ruling(WATER, WATER, counted=counted)
    assert total(upheld, WATER) == (1, RULING_WEIGHT)
    assert RULING_WEIGHT > 1


def total(lessons: list[Lesson], tenant: int) -> tuple[int, int]:
    own = [lesson for lesson in lessons if lesson.tenant_id == tenant]
    return sum(lesson.tickets for lesson in own), sum(lesson.weight for lesson in own)
