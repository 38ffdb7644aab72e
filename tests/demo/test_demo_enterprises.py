from __future__ import annotations

from stdnum.cn import uscc

from app.demo.city import DemoCity
from app.demo.enterprises import COLUMNS, credit_code, enterprises
from app.enterprises.models import EnterpriseKind
from authz.users import LOGIN


def test_the_same_index_is_the_same_enterprise(city: DemoCity) -> None:
    whole = [enterprise.row for enterprise in enterprises(city, 0, 300)]
    pieces = [enterprise.row for start in (0, 100, 200) for enterprise in enterprises(city, start, start + 100)]
    assert whole == pieces


def test_credit_codes_are_valid_unique_and_of_the_county(city: DemoCity) -> None:
    made = list(enterprises(city, 0, 3_000))
    for enterprise in made:
        assert uscc.validate(enterprise.credit_code) == enterprise.credit_code
        assert enterprise.credit_code[2:8] == (enterprise.county.division_code or city.division_code)
        assert LOGIN.fullmatch(f"enterprise@{enterprise.credit_code}")
    assert len({enterprise.credit_code for enterprise in made}) == len(made)


def test_credit_codes_differ_whatever_the_form() -> None:
    codes = [credit_code("510824", "123"[index % 3], index) for index in range(50_000)]
    organisations = {code[8:17] for code in codes}
    assert len(organisations) == len(codes)
    assert all(code[8:11] == "DEM" for code in codes)


def test_ids_are_unique_and_rise_with_the_index(city: DemoCity) -> None:
    ids = [enterprise.id for enterprise in enterprises(city, 0, 2_000)]
    assert ids == sorted(set(ids))


def test_kinds_have_realistic_shares(city: DemoCity) -> None:
    kinds = [enterprise.kind for enterprise in enterprises(city, 0, 4_000)]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in EnterpriseKind}
    assert 0.3 < shares[EnterpriseKind.INDIVIDUAL] < 0.6
    assert 0.3 < shares[EnterpriseKind.MSME] < 0.6
    assert 0.03 < shares[EnterpriseKind.ABOVE_SCALE] < 0.15


def test_nobody_can_be_called(city: DemoCity) -> None:
    phone, attributes = COLUMNS.index("contact_phone"), COLUMNS.index("attributes")
    for enterprise in enterprises(city, 0, 500):
        assert enterprise.row[phone].startswith("000")
        assert enterprise.row[attributes]["demo"] is True
