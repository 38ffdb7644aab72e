"""The demonstration's cities as the generators see them, straight from the presets: no database."""

from __future__ import annotations

import pytest

from app.demo.city import DemoCity, DemoTenant
from tenants.models import TenantKind
from tenants.schemes.model import load_preset

FIRST_IDS = {"guangyuan": 2, "anshan": 500}


def city_from_preset(name: str) -> DemoCity:
    """What `loader.read_city` makes of a freshly provisioned city."""
    preset = load_preset(name)
    city_id = FIRST_IDS[name]
    city = preset.city
    nodes = [DemoTenant(city_id, city.kind, city.slug, city.slug, city.name, None, city.division_code)]
    for number, entry in enumerate(preset.tenants, start=1):
        tenant_id = city_id + number
        county_id = tenant_id if entry.kind is TenantKind.COUNTY else None
        path = f"{city.slug}.{entry.slug}"
        nodes.append(DemoTenant(tenant_id, entry.kind, entry.slug, path, entry.name, county_id, entry.division_code))
    return DemoCity(
        id=city_id,
        path=city.slug,
        name=city.name,
        division_code=city.division_code,
        tenants=tuple(nodes),
        scheme=preset.scheme,
        scheme_version=1,
    )


@pytest.fixture(scope="session", params=["guangyuan", "anshan"])
def city(request: pytest.FixtureRequest) -> DemoCity:
    return city_from_preset(request.param)


@pytest.fixture(scope="session")
def guangyuan() -> DemoCity:
    return city_from_preset("guangyuan")
