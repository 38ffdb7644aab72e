"""The presets against the sources and against every number of domain.md."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from decimal import Decimal

import pytest

from app.kernel.errors import InvalidInput
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel, TicketStatus
from authz.roles import Role
from tenants.models import RankingGroup, TenantKind
from tenants.schemes import words
from tenants.schemes.documents import PLACEHOLDERS
from tenants.schemes.model import PresetDocument, Scheme, load_preset, preset_names
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import DocumentKind, TimeUnit

GUANGYUAN_COUNTIES = {
    "苍溪县": "510824",
    "旺苍县": "510821",
    "剑阁县": "510823",
    "青川县": "510822",
    "利州区": "510802",
    "昭化区": "510811",
    "朝天区": "510812",
    "广元经济技术开发区": None,
}
# 000_…txt, 二(二), as printed there.
DEPARTMENTS_AS_PRINTED = """
    市发展改革委 市经济和信息化局 市教育局
    市科技局 市公安局 市民政局
    市司法局 市财政局 市人力资源社会保障局
    市自然资源局 市生态环境局 市住房城乡建设局
    市交通运输局 市水利局 市农业农村局
    市商务局 市文化广电旅游局 市卫生健康委
    市应急管理局 市国资委 市市场监管局
    市人防办 市金融工作局 市经济合作和外事局
    市林业局 市医保局 市城管执法局
    市天然气综合利用工业园区 广元国际铁路港
    市档案馆 市政务服务和资源交易中心 市公积金中心
    市税务局 人行广元中心支行 广元银保监分局
    广元海关 市邮政管理局
    国网广元供电公司 四川燃气广元公司 市供排水集团
"""
ANSHAN_COUNTIES = {
    "铁东区": "210302",
    "铁西区": "210303",
    "立山区": "210304",
    "千山区": "210311",
    "台安县": "210321",
    "岫岩满族自治县": "210323",
    "海城市": "210381",
    "鞍山高新技术产业开发区": None,
}


@pytest.fixture(scope="module")
def guangyuan() -> PresetDocument:
    return load_preset("guangyuan")


@pytest.fixture(scope="module")
def scheme(guangyuan: PresetDocument) -> Scheme:
    return guangyuan.scheme


def days(amount: int) -> TimeLimit:
    return TimeLimit(amount=amount, unit=TimeUnit.WORKING_DAYS)


def hours(amount: int) -> TimeLimit:
    return TimeLimit(amount=amount, unit=TimeUnit.OFFICE_HOURS)


def values(levels: Iterable[object]) -> list[int]:
    return [int(level.value) for level in levels]  # type: ignore[attr-defined]


def test_the_cities_and_the_region_are_shipped() -> None:
    assert preset_names() == ("anshan", "guangxi", "guangyuan", "liuzhou", "nanning")
    for name in preset_names():
        assert load_preset(name) is load_preset(name)


@pytest.mark.parametrize("name", ["", "shangrila", "../guangyuan", "parts/bidding", "guangyuan.yaml"])
def test_an_unknown_preset_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_preset(name)
    assert refused.value.rule == "unknown_preset"
    assert refused.value.data["known"] == list(preset_names())


def test_the_words_are_those_of_the_slices_above() -> None:
    assert tuple(TicketCategory) == words.CATEGORIES
    assert tuple(TicketChannel) == words.CHANNELS
    assert tuple(TicketStatus) == words.STATUSES
    assert tuple(Satisfaction) == words.LEVELS
    assert set(Role) == set(words.ROLES)


# Guangyuan: the tree (000_…txt, 二)


def test_guangyuan_itself(guangyuan: PresetDocument) -> None:
    city = guangyuan.city
    assert (city.slug, city.kind, city.name, city.division_code) == ("guangyuan", TenantKind.CITY, "广元市", "510800")


def test_guangyuan_has_its_eight_counties_and_districts(guangyuan: PresetDocument) -> None:
    counties = [entry for entry in guangyuan.tenants if entry.kind is TenantKind.COUNTY]
    assert {entry.name: entry.division_code for entry in counties} == GUANGYUAN_COUNTIES
    assert [entry.name for entry in counties] == list(GUANGYUAN_COUNTIES)
    assert {entry.ranking_group for entry in counties} == {RankingGroup.COUNTIES}
    assert len(counties) == 8
    assert counties[0].slug == "cangxi"


def test_guangyuan_has_its_forty_departments_and_units(guangyuan: PresetDocument) -> None:
    departments = [entry for entry in guangyuan.tenants if entry.kind is TenantKind.DEPARTMENT]
    assert [entry.name for entry in departments] == DEPARTMENTS_AS_PRINTED.split()
    assert len(departments) == len(DEPARTMENTS_AS_PRINTED.split()) == 40
    assert {entry.ranking_group for entry in departments} == {RankingGroup.DEPARTMENTS}
    assert {entry.slug for entry in departments} >= {
        "drc",
        "eic",
        "education",
        "finance",
        "commerce",
        "market_regulation",
    }
    assert len(guangyuan.tenants) == 48


# Guangyuan: time (domain.md, 3)


def test_working_time(scheme: Scheme) -> None:
    calendar = scheme.calendar
    assert calendar.time_zone == "Asia/Shanghai"
    assert [(span.opens, span.closes) for span in calendar.office_hours] == [
        (time(9), time(12)),
        (time(13), time(17)),
    ]
    assert calendar.working_weekdays == (1, 2, 3, 4, 5)
    assert calendar.holidays == "MAINLAND"
    assert calendar.count_day_of_receipt is False


# Guangyuan: tickets (domain.md, 5)


def test_every_category_and_its_limit(scheme: Scheme) -> None:
    tickets = scheme.tickets
    assert {name: category.limit for name, category in tickets.categories.items()} == {
        "CONSULTATION": days(3),
        "HELP": days(5),
        "SUGGESTION": days(5),
        "COMPLAINT": days(10),
        "REPORT": days(10),
        "BIDDING_COMPLAINT": days(30),
    }
    assert tickets.categories["CONSULTATION"].answer_at_once
    assert {category.name for category in tickets.categories.values()} == {
        "咨询",
        "求助",
        "意见建议",
        "投诉",
        "举报",
        "招投标投诉",
    }


def test_bidding_complaints(scheme: Scheme) -> None:
    bidding = scheme.tickets.category("BIDDING_COMPLAINT")
    assert bidding is not None
    assert scheme.tickets.verification_of("BIDDING_COMPLAINT") == days(3)
    assert bidding.limit == days(30)
    assert bidding.received_by == "COMPETENT_DEPARTMENT"
    assert bidding.written_decision
    assert bidding.publish_decision
    assert set(bidding.excluded_time) == {"INSPECTION", "TESTING", "APPRAISAL", "EXPERT_REVIEW"}


def test_the_limits_of_the_steps(scheme: Scheme) -> None:
    tickets = scheme.tickets
    assert tickets.verification == tickets.verification_of("HELP") == days(1)
    assert tickets.acknowledgement == days(1)
    assert tickets.follow_up.limit == days(3)
    assert tickets.follow_up.share == 1
    assert tickets.follow_up.rounds == 2
    assert tickets.follow_up.questions == ("PROCESS", "EFFICIENCY", "COST", "QUALITY")
    assert set(tickets.suspension_reasons) == set(words.SuspensionReason)
    assert tickets.coordination == ("TASK_GROUP", "WORKING_GROUP", "LEADING_GROUP")


def test_satisfaction_has_five_levels(scheme: Scheme) -> None:
    follow_up = scheme.tickets.follow_up
    assert tuple(level.level for level in follow_up.levels) == tuple(Satisfaction)
    assert values(follow_up.levels) == [100, 80, 60, 30, 0]
    assert follow_up.levels[0].name == "非常满意"
    assert follow_up.levels[-1].name == "非常不满意"
    assert follow_up.low_levels == ("UNSATISFIED", "VERY_UNSATISFIED")


def test_who_may_submit_and_by_which_way(scheme: Scheme) -> None:
    tickets = scheme.tickets
    assert set(tickets.submitters) == {"ENTERPRISE_USER", "INTAKE_AGENT", "STEWARD", "SPECIAL_MONITOR"}
    assert tickets.public_in_person is True
    assert tickets.channels == tuple(TicketChannel)
    assert tickets.number_prefix == "GY"


def test_how_long_texts_may_be(scheme: Scheme) -> None:
    texts = scheme.tickets.texts
    assert (texts.title.min, texts.title.max) == (2, 120)
    assert texts.body.max == 10_000


def test_secrecy(scheme: Scheme) -> None:
    assert scheme.secrecy.restricted_named_roles == (Role.SUPERVISION_OFFICER,)
    assert scheme.secrecy.restricted_handler_roles == (Role.DEPARTMENT_LEAD,)
    assert set(scheme.secrecy.confidential_reader_roles) == {Role.INTAKE_AGENT, Role.SUPERVISION_OFFICER}


# Guangyuan: supervision (domain.md, 6)


def test_the_three_levels_of_supervision(scheme: Scheme) -> None:
    daily, listed, interview = scheme.supervision.levels
    assert (daily.name, daily.notice, daily.raised_by) == ("日常督办", "REMINDER", ("OFFICE",))
    assert {trigger.kind: trigger.times for trigger in daily.triggers} == {
        "NOT_ACKNOWLEDGED": 2,
        "OVERDUE": 1,
        "REPEATED_WHILE_OPEN": 1,
    }
    assert daily.automatic
    assert (listed.name, listed.notice, listed.raised_by) == ("挂牌督办", "RECTIFICATION", ("SUPERVISION_OFFICER",))
    assert {trigger.kind: trigger.times for trigger in listed.triggers} == {
        "RETURNED": 2,
        "UNSATISFIED": 2,
        "IMPROPER_CLOSING_REQUESTED": 2,
        "REMINDER_UNANSWERED": 1,
    }
    assert (listed.automatic, listed.by_hand, listed.monthly_report) == (True, True, True)
    assert (interview.name, interview.notice, interview.raised_by) == ("约谈督办", "INTERVIEW", ("WORKING_GROUP",))
    assert {trigger.kind for trigger in interview.triggers} == {
        "FALSIFICATION",
        "IRREGULAR_HANDLING",
        "DERELICTION",
        "BREACH_OF_RULES",
        "RETALIATION",
    }
    assert (interview.automatic, interview.by_hand) == (False, True)
    assert interview.evidence_required
    assert interview.referral_to_discipline


def test_rectification_and_integrity(scheme: Scheme) -> None:
    supervision = scheme.supervision
    assert supervision.rectification.days[words.RectificationSource.BAD_RATING] == 15
    assert supervision.rectification.progress_every == "MONTH"
    assert {(entry.kind.value, entry.money) for entry in supervision.integrity.kinds} == {
        ("ARREARS", True),
        ("UNKEPT_PROMISE", False),
        ("OVERDUE_ENFORCEMENT_PAYMENT", True),
        ("IMPROPER_ENFORCEMENT", False),
        ("BLACKLISTED_INTERMEDIARY", False),
    }
    assert supervision.integrity.opened_by_arrears_complaint
    assert len(supervision.integrity.arrears_restrictions) == 6
    assert [report.every for report in supervision.reports] == ["MONTH", "QUARTER"]
    assert supervision.reports[0].to_roles == ("LEADING_GROUP",)
    assert supervision.reports[0].copied_to == ("政府督查室",)


# Guangyuan: evaluations (domain.md, 7)


def test_the_panel_has_two_thousand_seats(scheme: Scheme) -> None:
    panel = scheme.evaluations.panel
    assert panel.seats == sum(category.seats for category in panel.categories) == 2000
    assert {category.category.value: category.seats for category in panel.categories} == {
        "ABOVE_SCALE": 1000,
        "MSME": 300,
        "SERVICE_USER": 300,
        "SPECIAL_MONITOR": 50,
        "REPRESENTATIVE": 330,
        "MEDIA": 20,
    }
    assert {category.category.value: category.renewal_months for category in panel.categories} == {
        "ABOVE_SCALE": 12,
        "MSME": 12,
        "SERVICE_USER": 4,
        "SPECIAL_MONITOR": 12,
        "REPRESENTATIVE": 12,
        "MEDIA": 12,
    }


def test_the_panel_is_split_by_origin(scheme: Scheme) -> None:
    by_category = {category.category.value: category for category in scheme.evaluations.panel.categories}
    assert {name for name, category in by_category.items() if category.by_origin} == {
        "SERVICE_USER",
        "SPECIAL_MONITOR",
        "REPRESENTATIVE",
    }
    users, monitors, members = (
        by_category["SERVICE_USER"],
        by_category["SPECIAL_MONITOR"],
        by_category["REPRESENTATIVE"],
    )
    assert (users.city, users.county, len(users.counties)) == (60, 30, 8)
    assert (monitors.city, monitors.county, len(monitors.counties)) == (10, 5, 8)
    assert (members.city, members.county, len(members.counties), len(members.groups)) == (40, 10, 7, 3)
    assert "economic_zone" in users.counties
    assert "economic_zone" in monitors.counties
    assert "economic_zone" not in members.counties


def test_the_draw_and_the_rounds(scheme: Scheme) -> None:
    evaluations = scheme.evaluations
    assert evaluations.draw.size == 300
    assert evaluations.draw.tie == "LARGER_CATEGORY_FIRST"
    assert evaluations.draw.exclude_own_employer
    assert (evaluations.rounds.per_year, evaluations.rounds.every_months) == (3, 4)
    quotas = {
        category.category.value: Decimal(evaluations.draw.size * category.seats) / evaluations.panel.seats
        for category in evaluations.panel.categories
    }
    assert list(quotas.values()) == [150, 45, 45, Decimal("7.5"), Decimal("49.5"), 3]


def test_the_questionnaire_and_what_answers_are_worth(scheme: Scheme) -> None:
    evaluations = scheme.evaluations
    survey = evaluations.questionnaire(evaluations.survey)
    assert survey is not None
    assert [question.key for question in survey.questions] == ["POLICY_IMPLEMENTATION", "SERVICE", "PROBLEM_SOLVING"]
    assert sum(question.weight for question in survey.questions) == 1
    assert values(survey.answers) == [100, 80, 60, 30, 0]
    assert survey.cannot_judge
    assert evaluations.minimum_answers == 5


def test_real_time_ratings(scheme: Scheme) -> None:
    real_time = scheme.evaluations.real_time
    assert [(entry.dimension.value, entry.name) for entry in real_time.dimensions] == [
        ("EFFICIENCY", "办事效率"),
        ("WORK_STYLE", "工作作风"),
        ("ATTITUDE", "服务态度"),
        ("FULFILMENT", "履责效果"),
        ("LAWFULNESS", "依法办事"),
        ("OPENNESS", "信息公开"),
    ]
    assert values(real_time.levels) == [100, 80, 60, 30, 0]
    assert real_time.bad_levels == ("UNSATISFIED", "VERY_UNSATISFIED")
    assert real_time.follow_up_share == 1
    assert (scheme.evaluations.portal, scheme.evaluations.module) == ("营商有我", "营商我评")


def test_the_score(scheme: Scheme) -> None:
    scoring = scheme.evaluations.scoring
    assert (scoring.survey_weight, scoring.real_time_weight) == (Decimal("0.8"), Decimal("0.2"))
    assert scoring.without_real_time == "RENORMALISE"
    assert (scoring.digits, scoring.rounding) == (2, "HALF_UP")


# Guangyuan: policies (domain.md, 8)


def test_policy_redemption(scheme: Scheme) -> None:
    policies = scheme.policies
    assert {entry.kind.value: entry.name for entry in policies.kinds} == {
        "AUTOMATIC": "免申即享",
        "INSTANT": "即申即享",
        "REVIEWED": "综合评审",
    }
    assert policies.limits.assignment == hours(1)
    assert policies.limits.acknowledgement == hours(1)
    assert policies.limits.decision == days(10)
    assert policies.limits.decision_levels == ("CITY",)
    assert policies.limits.disbursement == days(1)
    assert policies.follow_up_share == 1


# Guangyuan: rankings (domain.md, 10)


def test_groups_and_cut_offs(scheme: Scheme) -> None:
    evaluation = scheme.rankings.evaluation
    assert [(group.group.value, group.members, group.first, group.last) for group in evaluation.groups] == [
        ("COUNTIES", 8, 2, 1),
        ("DEPARTMENTS", 40, 5, 5),
    ]
    assert evaluation.group("COUNTIES") is evaluation.groups[0]
    assert evaluation.ties == "ALL_TIED"


def test_consequences_points_and_honours(scheme: Scheme) -> None:
    evaluation = scheme.rankings.evaluation
    assert {entry.cycles: entry.kind.value for entry in evaluation.consequences} == {
        1: "RECTIFICATION",
        2: "INTERVIEW",
        3: "LEADERSHIP_REVIEW",
    }
    assert [(entry.times, entry.first, entry.last) for entry in evaluation.points] == [
        (1, Decimal("0.2"), Decimal("-0.2")),
        (2, Decimal("0.5"), Decimal("-0.5")),
        (3, Decimal("0.8"), Decimal("-0.8")),
    ]
    honours = evaluation.honours
    assert honours is not None
    assert (honours.recommended_after, honours.extra_places, honours.barred_after) == (3, True, 3)


def test_the_handling_ranking(scheme: Scheme) -> None:
    for ranking in (scheme.rankings.handling, scheme.rankings.redemption):
        assert sum(entry.weight for entry in ranking.measures) == 1
        assert ranking.red_list >= 1
        assert ranking.black_list >= 1
    assert {entry.measure.value for entry in scheme.rankings.handling.measures} == {
        "ON_TIME",
        "RESOLUTION",
        "SATISFACTION",
        "RESPONSE",
        "RETURN",
        "REDO",
    }
    assert scheme.rankings.interval.shown


def test_every_document_has_a_template_that_can_be_filled(scheme: Scheme) -> None:
    assert {template.kind for template in scheme.templates} == set(DocumentKind)
    for template in scheme.templates:
        values = dict.fromkeys(PLACEHOLDERS[template.kind], "甲")
        filled = [text.format_map(values) for text in (template.title, template.number, template.text, template.seal)]
        assert not any("{" in text or "}" in text for text in filled)


# Anshan (004_…txt)


def test_anshan_and_its_counties() -> None:
    anshan = load_preset("anshan")
    assert (anshan.city.name, anshan.city.division_code) == ("鞍山市", "210300")
    counties = [entry for entry in anshan.tenants if entry.kind is TenantKind.COUNTY]
    assert {entry.name: entry.division_code for entry in counties} == ANSHAN_COUNTIES
    departments = {entry.name for entry in anshan.tenants if entry.kind is TenantKind.DEPARTMENT}
    assert departments >= {"市营商局", "市发改委", "市工信局", "市商务局", "市医保局", "市税务局"}


def test_anshan_has_its_own_numbers_and_words() -> None:
    scheme = load_preset("anshan").scheme
    assert scheme.enterprises.service == "政企直通车"
    assert {cell.segment.value: cell.agency for cell in scheme.enterprises.grid} == {
        "KEY_PROJECT": "drc",
        "ABOVE_SCALE_INDUSTRY": "eic",
        "ABOVE_LIMIT_TRADE": "commerce",
        "OTHER": None,
    }
    assert scheme.enterprises.special_monitors.seats == 20
    assert len(scheme.enterprises.special_monitors.subjects) == 3
    monitors = [entry for entry in scheme.evaluations.panel.categories if entry.category == "SPECIAL_MONITOR"]
    assert [entry.seats for entry in monitors] == [20]
    assert [stage.name for stage in scheme.tickets.stages] == ["受理", "协调", "办理", "反馈", "回访", "评价"]
    assert scheme.tickets.number_prefix == "AS"


@pytest.mark.parametrize("name", preset_names())
def test_every_open_state_is_in_a_stage(name: str) -> None:
    staged = {status for stage in load_preset(name).scheme.tickets.stages for status in stage.statuses}
    assert staged >= {
        "SUBMITTED",
        "ACCEPTED",
        "DISPATCHED",
        "IN_PROGRESS",
        "DISPUTED",
        "RESOLVED",
        "ESCALATED",
        "CLOSED",
    }


@pytest.mark.parametrize("name", preset_names())
def test_no_number_went_through_a_float(name: str) -> None:
    def floats(value: object) -> bool:
        if isinstance(value, dict):
            return any(floats(inner) for inner in value.values())
        if isinstance(value, (list, tuple)):
            return any(floats(inner) for inner in value)
        return isinstance(value, float)

    assert not floats(load_preset(name).model_dump())
    assert not floats(load_preset(name).scheme.document())


def test_a_scheme_cannot_be_changed(scheme: Scheme) -> None:
    with pytest.raises(ValueError, match="frozen"):
        scheme.tickets.number_prefix = "XX"
