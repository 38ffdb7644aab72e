"""Guangxi and its two cities: the region's plan against 003_…txt, and the tree against GB/T 2260."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import tenants.schemes.model as model
from tenants.models import RankingGroup, TenantKind
from tenants.schemes.model import CityEntry, load_preset

NANNING = """450102 兴宁区 450103 青秀区 450105 江南区 450107 西乡塘区 450108 良庆区 450109 邕宁区 450110 武鸣区
    450123 隆安县 450124 马山县 450125 上林县 450126 宾阳县 450181 横州市"""
LIUZHOU = """450202 城中区 450203 鱼峰区 450204 柳南区 450205 柳北区 450206 柳江区 450222 柳城县 450223 鹿寨县
    450224 融安县 450225 融水苗族自治县 450226 三江侗族自治县"""
NAMED_IN_003 = ("市场监管局", "发展改革委", "大数据发展局", "党委编办", "司法厅", "工商联", "政府督查室")
SOURCES = Path(model.__file__).parent / "presets"


def test_the_region_is_one_and_has_no_counties() -> None:
    region = load_preset("guangxi")
    assert (region.city.kind, region.city.name, region.city.division_code) == (
        TenantKind.REGION,
        "广西壮族自治区",
        "450000",
    )
    assert {entry.kind for entry in region.tenants} == {TenantKind.DEPARTMENT}
    assert not region.scheme.cross_city.to_region
    assert region.scheme.tickets.number_prefix == "GX"


@pytest.mark.parametrize("named", NAMED_IN_003)
def test_the_region_has_the_departments_that_the_plan_names(named: str) -> None:
    assert any(named in entry.name for entry in load_preset("guangxi").tenants)


def test_the_regions_handling_units_are_ranked_and_the_staff_offices_not() -> None:
    ranked = {entry.slug: entry.ranking_group for entry in load_preset("guangxi").tenants}
    assert ranked["market_regulation"] is ranked["customs"] is RankingGroup.DEPARTMENTS
    assert ranked["inspection_office"] is ranked["establishment"] is ranked["industry_federation"] is None


@pytest.mark.parametrize(("slug", "printed"), [("nanning", NANNING), ("liuzhou", LIUZHOU)])
def test_a_city_of_the_region_has_its_counties_and_lies_in_it(slug: str, printed: str) -> None:
    city = load_preset(slug)
    assert (city.city.kind, city.city.region) == (TenantKind.CITY, "guangxi")
    counties = [entry for entry in city.tenants if entry.kind is TenantKind.COUNTY]
    assert [f"{entry.division_code} {entry.name}" for entry in counties] == re.findall(r"\d{6} \S+", printed)
    assert {str(entry.division_code)[:4] for entry in counties} == {city.city.division_code[:4]}
    assert city.scheme.cross_city.to_region


def test_the_three_take_their_numbers_from_the_one_plan() -> None:
    guangxi, nanning, liuzhou = (load_preset(slug).scheme for slug in ("guangxi", "nanning", "liuzhou"))
    plan = load_preset("guangyuan").scheme  # whose numbers of the response are the same text's
    for scheme in (guangxi, nanning, liuzhou):
        assert scheme.supervision == plan.supervision
        assert scheme.tickets.follow_up == plan.tickets.follow_up
        assert scheme.tickets.categories == {
            name: category for name, category in plan.tickets.categories.items() if name != "BIDDING_COMPLAINT"
        }
        assert scheme.sources == ("《构建经营主体反映问题响应处置机制工作方案》",)


@pytest.mark.parametrize("name", ["guangxi.yaml", "nanning.yaml", "liuzhou.yaml", "parts/region.yaml"])
def test_every_part_says_where_it_is_from(name: str) -> None:
    text = (SOURCES / name).read_text(encoding="utf-8")
    assert "003" in text
    assert "ours" in text


def test_a_region_above_a_region_is_a_mistake() -> None:
    entry = {"slug": "gx", "kind": "REGION", "name": "广西壮族自治区", "division_code": "450000"}
    assert CityEntry.model_validate(entry).region is None
    with pytest.raises(ValidationError, match="no region above a region"):
        CityEntry.model_validate(entry | {"region": "china"})
