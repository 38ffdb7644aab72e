"""Every kind of mistake in a scheme document is reported with its file, line, column, key, and what was expected."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tenants.schemes.model import Scheme, SchemeProblem, SchemeProblems, load_preset, validate_yaml
from tenants.schemes.source import MAX_CHARACTERS, read_source
from tests.effort import effort

PRESETS = Path(str(files("tenants.schemes") / "presets"))


@pytest.fixture(scope="module")
def whole() -> str:
    """A complete scheme as a city would upload it: Guangyuan's, without the tenants, as a document of its own."""
    text = (PRESETS / "guangyuan.yaml").read_text(encoding="utf-8")
    lines = text[text.index("\nscheme:\n") + len("\nscheme:\n") :].splitlines()
    return "\n".join(line.removeprefix("  ") for line in lines) + "\n"


def problems_of(text: str) -> tuple[SchemeProblem, ...]:
    with pytest.raises(SchemeProblems) as refused:
        validate_yaml(text, "city.yaml")
    return refused.value.problems


def line_of(text: str, part: str) -> int:
    """The line, from 1, in which a part stands."""
    assert text.count(part) == 1, part
    return text[: text.index(part)].count("\n") + 1


def changed(whole: str, old: str, new: str) -> tuple[str, int]:
    """The document with one change, and the line of the change."""
    return whole.replace(old, new), line_of(whole, old)


def test_the_document_as_it_stands_is_right(whole: str) -> None:
    assert validate_yaml(whole, "city.yaml") == load_preset("guangyuan").scheme


@pytest.mark.parametrize(
    ("old", "new", "key", "expected", "got"),
    [
        ("size: 300", "size: many", "evaluations.draw.size", "a whole number", "'many'"),
        ("size: 300", "size: 300.5", "evaluations.draw.size", "a whole number", "300.5"),
        ("size: 300", "size: true", "evaluations.draw.size", "a whole number", "true"),
        ("size: 300", "size: -1", "evaluations.draw.size", "at least 1", "-1"),
        ("size: 300", "size: 99999999999999999999", "evaluations.draw.size", "a whole number", "'999"),
        ("size: 300", "size: 2001", "evaluations.draw.size", "at most the 2000 seats of the panel", "2001"),
        ("size: 300", "size:", "evaluations.draw.size", "a whole number", "nothing"),
        ("size: 300", "size: [300]", "evaluations.draw.size", "a whole number", "a list of 1"),
        ("size: 300", "size: {is: 300}", "evaluations.draw.size", "a whole number", "a mapping"),
        (
            "exclude_own_employer: true",
            "exclude_own_employer: yes",
            "evaluations.draw.exclude_own_employer",
            "true or",
            "'yes'",
        ),
        (
            "tie: LARGER_CATEGORY_FIRST",
            "tie: LARGER_CATEGORY_FRIST",
            "evaluations.draw.tie",
            "did you mean 'LARGER_CATEGORY_FIRST'",
            "FRIST",
        ),
        ("survey_weight: 0.8", "survey_weight: 1.8", "evaluations.scoring.survey_weight", "at most 1", "1.8"),
        (
            "survey_weight: 0.8",
            "survey_weight: 8e-1",
            "evaluations.scoring.survey_weight",
            "a decimal number",
            "'8e-1'",
        ),
        (
            "survey_weight: 0.8",
            "survey_weight: .nan",
            "evaluations.scoring.survey_weight",
            "a decimal number",
            "'.nan'",
        ),
        (
            "survey_weight: 0.8",
            "survey_weight: ０.８",
            "evaluations.scoring.survey_weight",
            "a decimal number",
            "０.８",
        ),
        ('opens: "13:00"', 'opens: "１３:00"', "calendar.office_hours[1].opens", "a time of day", "１３:00"),
        ("number_prefix: GY", "number_prefix: gy", "tickets.number_prefix", "of the form", "'gy'"),
        ("number_prefix: GY", "number_prefix: 12", "tickets.number_prefix", "a text", "12"),
        (
            "time_zone: Asia/Shanghai",
            "time_zone: Asia/Guangyuan",
            "calendar.time_zone",
            "a time zone such as",
            "Guangyuan",
        ),
        (
            "time_zone: Asia/Shanghai",
            "time_zone: ../../etc/passwd",
            "calendar.time_zone",
            "a time zone such as",
            "passwd",
        ),
        ('opens: "13:00"', 'opens: "25:00"', "calendar.office_hours[1].opens", "a time of day", "'25:00'"),
        ('opens: "13:00"', "opens: 13", "calendar.office_hours[1].opens", "a time of day", "13"),
        ("holidays: MAINLAND", "holidays: MARS", "calendar.holidays", "'MAINLAND'", "'MARS'"),
        ("portal: 营商有我", 'portal: ""', "evaluations.portal", "at least 1 characters", "''"),
        ("portal: 营商有我", 'portal: "  有我"', "evaluations.portal", "without spaces at its ends", "'  有我'"),
        ("portal: 营商有我", 'portal: "有\\n我"', "evaluations.portal", "on one line", ""),
        ("portal: 营商有我", "portal: " + "我" * 101, "evaluations.portal", "at most 100 characters", "我…"),
        (
            "working_weekdays: [1, 2, 3, 4, 5]",
            "working_weekdays: [1, 2, 8]",
            "calendar.working_weekdays[2]",
            "at most 7",
            "8",
        ),
        (
            "working_weekdays: [1, 2, 3, 4, 5]",
            "working_weekdays: []",
            "calendar.working_weekdays",
            "at least 1 entries",
            "a list of 0",
        ),
        ("working_weekdays: [1, 2, 3, 4, 5]", "working_weekdays: 5", "calendar.working_weekdays", "a list", "5"),
        ("agency: drc", "agency: 市发改委", "enterprises.grid[0].agency", "of the form", "市发改委"),
    ],
)
def test_a_wrong_value(whole: str, old: str, new: str, key: str, expected: str, got: str) -> None:
    text, line = changed(whole, old, new)
    (problem,) = problems_of(text)
    assert (problem.file, problem.line, problem.key) == ("city.yaml", line, key)
    assert expected in problem.expected
    assert got in problem.got
    assert str(problem).startswith(f"city.yaml:{line}:{problem.column}: {key}: expected ")


@pytest.mark.parametrize(
    ("old", "new", "key", "expected", "got"),
    [
        (
            "real_time_weight: 0.2",
            "real_time_weight: 0.3",
            "evaluations.scoring.real_time_weight",
            "to sum to 1",
            "1.1",
        ),
        (
            "name: 中小微市场主体, seats: 300",
            "name: 中小微市场主体, seats: 299",
            "evaluations.panel.seats",
            "to sum to 2000",
            "1999",
        ),
        (
            "text: 该单位服务质效如何？, weight: 0.40",
            "text: 该单位服务质效如何？, weight: 0.41",
            "evaluations.questionnaires[0].questions",
            "to sum to 1",
            "1.01",
        ),
        (
            "members: 8, first: 2, last: 1",
            "members: 8, first: 2, last: 7",
            "rankings.evaluation.groups[0].last",
            "at most the 8 members",
            "2 and 7",
        ),
        ('opens: "13:00"', 'opens: "11:59"', "calendar.office_hours[1].opens", "not before 12:00", "11:59"),
        ('closes: "17:00"', 'closes: "13:00"', "calendar.office_hours[1].closes", "later than 13:00", "13:00"),
        (
            "{per_year: 3, every_months: 4}",
            "{per_year: 3, every_months: 3}",
            "evaluations.rounds.every_months",
            "12 months in 3",
            "3",
        ),
        ("survey: SURVEY", "survey: NOBODY", "evaluations.survey", "a questionnaire of the scheme", "NOBODY"),
        ("[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 4]", "calendar.working_weekdays[4]", "each only once", "4 again"),
        (
            "{times: 2, first: 0.5, last: -0.5}",
            "{times: 2, first: 0.5, last: 0.5}",
            "rankings.evaluation.points[1].last",
            "0 or less",
            "0.5",
        ),
        (
            "{cycles: 2, kind: INTERVIEW",
            "{cycles: 4, kind: INTERVIEW",
            "rankings.evaluation.consequences",
            "1, 2, 3",
            "1, 4, 3",
        ),
        (
            "seats: 50 # 一",
            "seats: 49 # 一",
            "evaluations.panel.categories[3].seats",
            "at most the 49 special monitors",
            "50",
        ),
    ],
)
def test_values_that_do_not_agree(whole: str, old: str, new: str, key: str, expected: str, got: str) -> None:
    text, _ = changed(whole, old, new)
    (problem,) = problems_of(text)
    assert problem.key == key
    assert problem.line > 1
    assert expected in problem.expected
    assert problem.got == got


def test_the_origins_must_sum_to_the_seats(whole: str) -> None:
    text, line = changed(whole, "        city: 60\n", "        city: 61\n")
    (problem,) = problems_of(text)
    assert problem.key == "evaluations.panel.categories[2].seats"
    assert problem.line in range(line - 4, line + 1)
    assert (problem.expected, problem.got) == ("the seats by origin to sum to 300", "301")


def test_an_unknown_key_is_told_the_known_ones(whole: str) -> None:
    text, line = changed(whole, "minimum_answers: 5", "minimum_answer: 5")
    missing, unknown = sorted(problems_of(text), key=lambda problem: problem.key, reverse=True)
    assert missing.key == "evaluations.minimum_answers"
    assert (missing.expected, missing.got) == ("this key", "nothing")
    assert (unknown.line, unknown.column, unknown.key) == (line, 3, "evaluations.minimum_answer")
    assert "did you mean 'minimum_answers'?" in unknown.expected
    assert unknown.got == "the unknown key 'minimum_answer'"


def test_an_unknown_category_is_told_the_known_ones(whole: str) -> None:
    text, line = changed(whole, "  number_prefix: GY\n", "  number_prefix: GY\n  categories: {HELLP: {name: 求助}}\n")
    assert any(
        problem.line == line + 1
        and problem.key == "tickets.categories.HELLP"
        and "did you mean 'HELP'" in problem.expected
        for problem in problems_of(text)
    )


def test_a_key_that_looks_like_pydantics_own_mark(whole: str) -> None:
    text, line = changed(
        whole, "  number_prefix: GY\n", '  number_prefix: GY\n  "[key]": 1\n  emergency_numbers: {"[key]": 1}\n'
    )
    unknown, number = problems_of(text)
    assert (unknown.line, unknown.key) == (line + 1, "tickets.[key]")
    assert unknown.got == "the unknown key '[key]'"
    assert (number.line, number.key, number.expected) == (line + 2, "tickets.emergency_numbers.[key]", "a text")


def test_a_missing_section(whole: str) -> None:
    start = whole.index("\nrankings:")
    (problem,) = problems_of(whole[:start] + "\n")
    assert (problem.line, problem.column, problem.key) == (2, 1, "rankings")
    assert problem.expected == "this key"


def test_a_repeated_key(whole: str) -> None:
    text, line = changed(whole, "  minimum_answers: 5", "  minimum_answers: 5\n  minimum_answers: 6")
    (problem,) = problems_of(text)
    assert (problem.line, problem.key) == (line + 1, "evaluations.minimum_answers")
    assert problem.expected == "each key once"
    assert f"first in line {line}" in problem.got


def test_everything_is_reported_together(whole: str) -> None:
    text = (
        whole.replace("size: 300", "size: many")
        .replace("minimum_answers: 5", "minimum_answers: 5\n  minimum_answers: 6\n  colour: red")
        .replace("time_zone: Asia/Shanghai", 'time_zone: "Asia\\0Shanghai"')
        .replace("holidays: MAINLAND", "holidays: !!python/name:os.system MAINLAND")
        .replace("name: 营商环境集中评价问卷", "name: *nowhere")
        .replace("follow_up_share: 1.00 # 002", "follow_up_share: &share 1.00 # 002")
    )
    problems = problems_of(text)
    assert {problem.key for problem in problems} == {
        "evaluations.draw.size",
        "evaluations.minimum_answers",
        "evaluations.colour",
        "calendar.time_zone",
        "calendar.holidays",
        "evaluations.questionnaires[0].name",
        "evaluations.real_time.follow_up_share",
    }
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    for problem in problems:
        shown = text.splitlines()[problem.line - 1]
        assert problem.key.rpartition(".")[2].partition("[")[0] in shown
    assert next(problem for problem in problems if problem.key == "calendar.time_zone").got == "the character U+0000"
    assert "!!python/name:os.system" in next(problem for problem in problems if problem.key == "calendar.holidays").got


@pytest.mark.parametrize(
    ("text", "line", "expected", "got"),
    [
        ("", 1, "a mapping", "an empty document"),
        ("# nothing\n", 1, "a mapping", "an empty document"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "valid YAML", "expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", 2, "valid YAML", "cannot start any token"),
        ('a: "open\n', 2, "valid YAML", "unexpected end of stream"),
        ("a: 1\n---\nb: 2\n", 2, "one document", "another document"),
        ("a: 1\nb: nu\x00ll\n", 2, "readable characters", "U+0000"),
        ("a: 1\n\nb: \x07\n", 3, "readable characters", "U+0007"),
        ("a: 1\nb: \ud800\n", 2, "readable characters", "U+D800"),
        ("a: " + "[" * 5_000, 1, "at most 24 levels", "deeper"),
        ("a" * (MAX_CHARACTERS + 1), 1, f"at most {MAX_CHARACTERS} characters", str(MAX_CHARACTERS + 1)),
        ("[1, 2]\n", 1, "a mapping", "a list of 2"),
        ("only a text\n", 1, "a mapping", "'only a text'"),
        ("%YAML 9.9\n--- {}\n", 1, "valid YAML", "version"),
    ],
)
def test_what_is_no_document_at_all(text: str, line: int, expected: str, got: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.file, problem.line) == ("city.yaml", line)
    assert expected in problem.expected
    assert got in problem.got


def test_a_key_that_is_no_text() -> None:
    problems = problems_of("{[a, b]: 1, {c: d}: 2}\n")
    assert [problem.expected for problem in problems if problem.key == "?"] == ["a plain key"] * 2


def test_aliases_do_not_explode() -> None:
    laughs = "a: &a [x]\n" + "".join(
        f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, letter in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert any("anchor or alias" in problem.got for problem in problems_of(laughs))
    assert effort(lambda: problems_of(laughs)) < 100_000


def test_no_more_problems_are_listed_than_help() -> None:
    assert len(problems_of("".join(f"key{number}: 1\n" for number in range(1_000)))) == 100


def test_nothing_is_evaluated(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    problems = problems_of(f"name: !!python/object/apply:os.mkdir ['{trace}']\n")
    assert any(problem.expected == "a value without a tag" for problem in problems)
    assert not trace.exists()


def test_two_escapes_of_json_are_one_character() -> None:
    source = read_source('a: "\\ud83d\\ude00"\nb: "\\ude00\\ud83d"\n', "x")
    assert source.root is not None
    assert source.root.plain() == {"a": "😀", "b": None}
    (problem,) = source.problems
    assert (problem.line, problem.got) == (2, "the character U+DE00")


def test_values_are_those_of_the_core_schema() -> None:
    source = read_source("a: 0.1\nb: 2026-10-01\nc: 12:30\nd: yes\ne: 0x10\nf: 007\ng: '1'\nh: ~\ni: -2\n", "x")
    assert source.root is not None
    assert source.root.plain() == {
        "a": Decimal("0.1"),
        "b": "2026-10-01",
        "c": "12:30",
        "d": "yes",
        "e": "0x10",
        "f": 7,
        "g": "1",
        "h": None,
        "i": -2,
    }


# Parts


def test_what_a_city_says_goes_before_what_a_part_says(whole: str) -> None:
    text = whole.replace(
        "  number_prefix: GY\n",
        "  number_prefix: GY\n  acknowledgement: {amount: 4, unit: OFFICE_HOURS}\n"
        "  categories: {HELP: {limit: {amount: 7}}}\n",
    )
    tickets = validate_yaml(text).tickets
    assert (tickets.acknowledgement.amount, tickets.acknowledgement.unit) == (4, "OFFICE_HOURS")
    assert tickets.categories["HELP"].limit.amount == 7
    assert tickets.categories["HELP"].limit.unit == "WORKING_DAYS"
    assert tickets.categories["HELP"].name == "求助"
    assert tickets.categories["REPORT"].limit.amount == 10


def test_a_city_need_not_take_in_bidding_complaints(whole: str) -> None:
    tickets = validate_yaml(whole.replace("[response, bidding, documents]", "[response, documents]")).tickets
    assert tickets.category("BIDDING_COMPLAINT") is None
    assert tickets.category("HELP") is not None


@pytest.mark.parametrize(
    ("include", "key", "expected"),
    [
        ("[response, biding, documents]", "include[1]", "a part: bidding, documents, region, response"),
        ("[response, ../guangyuan, documents]", "include[1]", "a part: bidding, documents, region, response"),
        ("[response, 7, documents]", "include[1]", "a part: bidding, documents, region, response"),
    ],
)
def test_an_unknown_part(whole: str, include: str, key: str, expected: str) -> None:
    text, line = changed(whole, "[response, bidding, documents]", include)
    (problem,) = problems_of(text)
    assert (problem.line, problem.key, problem.expected) == (line, key, expected)


def test_parts_must_be_a_list(whole: str) -> None:
    text, line = changed(whole, "include: [response, bidding, documents]", "include: response")
    assert any(
        (problem.line, problem.key, problem.expected) == (line, "include", "a list of parts")
        for problem in problems_of(text)
    )


@pytest.mark.parametrize(
    ("own", "key"),
    [
        (
            "categories: {BIDDING_COMPLAINT: {excluded_time: [TESTING, TESTING]}}",
            "categories.BIDDING_COMPLAINT.excluded_time[1]",
        ),
        ("follow_up: {low_levels: [NEUTRAL, NEUTRAL]}", "follow_up.low_levels[1]"),
        ("stages: [{name: 全, statuses: [CLOSED, CLOSED]}]", "stages[0].statuses[1]"),
    ],
)
def test_a_mistake_laid_over_a_part_is_placed_in_the_own_file(whole: str, own: str, key: str) -> None:
    text, line = changed(whole, "  number_prefix: GY\n", f"  number_prefix: GY\n  {own}\n")
    (problem,) = problems_of(text)
    assert (problem.file, problem.line, problem.key) == ("city.yaml", line + 1, f"tickets.{key}")


def test_a_rule_broken_where_only_the_part_speaks_is_placed_in_the_part(whole: str) -> None:
    text = whole.replace("  number_prefix: GY\n", "  number_prefix: GY\n  texts: {title: {max: 1}}\n")
    (problem,) = problems_of(text)
    assert (problem.file, problem.key) == ("parts/response.yaml", "tickets.texts.title.min")
    part = (PRESETS / "parts" / "response.yaml").read_text(encoding="utf-8")
    assert problem.line == line_of(part, "title: {min: 2")


def test_only_a_written_decision_is_published(whole: str) -> None:
    own = "categories: {HELP: {publish_decision: true}}"
    text, line = changed(whole, "  number_prefix: GY\n", f"  number_prefix: GY\n  {own}\n")
    (problem,) = problems_of(text)
    assert (problem.file, problem.line) == ("city.yaml", line + 1)
    assert problem.key == "tickets.categories.HELP.publish_decision"


def test_templates_name_only_what_can_be_filled_in(whole: str) -> None:
    templates = yaml.safe_load((PRESETS / "parts" / "documents.yaml").read_text(encoding="utf-8"))["templates"]
    templates[0]["text"] += "{reporter}"
    templates[1]["number"] = "提醒函"
    templates[2]["seal"] = "{issuer"
    text = whole + yaml.safe_dump({"templates": templates}, allow_unicode=True)
    problems = {problem.key: problem for problem in problems_of(text)}
    assert set(problems) == {"templates[0].text", "templates[1].number", "templates[2].seal"}
    assert problems["templates[0].text"].got == "{reporter}"
    assert "{enterprise}" in problems["templates[0].text"].expected
    assert "{serial}" in problems["templates[1].number"].expected


def test_every_supervision_trigger_has_its_level(whole: str) -> None:
    levels = yaml.safe_load((PRESETS / "parts" / "response.yaml").read_text(encoding="utf-8"))["supervision"]["levels"]
    levels[0]["triggers"].append({"kind": "FALSIFICATION"})
    levels[2]["automatic"] = True
    text = whole + yaml.safe_dump({"supervision": {"levels": levels}})
    assert {problem.key for problem in problems_of(text)} == {
        "supervision.levels[0].triggers[3].kind",
        "supervision.levels[2].automatic",
    }
    text = whole + yaml.safe_dump({"supervision": {"levels": levels[:1][:0]}})
    (problem,) = problems_of(text)
    assert (problem.key, problem.got) == ("supervision.levels", "none")


def test_the_refusal_carries_sentences(whole: str) -> None:
    with pytest.raises(SchemeProblems) as refused:
        validate_yaml(whole.replace("size: 300", "size: many"), "city.yaml")
    assert refused.value.code == "INVALID_INPUT"
    assert refused.value.rule == "scheme"
    assert refused.value.data["problems"] == [str(problem) for problem in refused.value.problems]
    assert str(refused.value).endswith("evaluations.draw.size: expected a whole number, got 'many'")


def test_a_direct_document_is_held_to_the_same_rules() -> None:
    document = load_preset("guangyuan").scheme.document()
    assert Scheme.model_validate(document) == load_preset("guangyuan").scheme
    document["evaluations"]["portal"] = "有\x00我"
    with pytest.raises(ValueError, match="control characters"):
        Scheme.model_validate(document)
    document["evaluations"]["portal"] = "有\ud800我"
    with pytest.raises(ValueError, match=r"evaluations\.portal"):
        Scheme.model_validate(document)
    document["evaluations"]["portal"] = "我"
    document["evaluations"]["scoring"]["survey_weight"] = 0.8
    with pytest.raises(ValueError, match="a decimal number"):
        Scheme.model_validate(document)
