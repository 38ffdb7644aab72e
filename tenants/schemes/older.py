"""Schemes that were published before a rule was known: what they lack is taken from a part of the presets, where the
numbers are. A published document is never rewritten; it is completed each time it is read."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

from tenants.schemes.source import read_source

ADDED: Mapping[tuple[str, ...], str] = {
    ("cross_city", "aggregates"): "response",
    ("supervision", "rectification", "opened_by"): "response",
    ("tickets", "follow_up", "ledger"): "response",
    ("tickets", "warn_at_share"): "response",
}
"""Keys that came later, and the part (`presets/parts/`) that has the value for who did not choose one."""


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored scheme with every key that came later; `Scheme.model_validate` takes it. The document stays as it is."""
    whole = deepcopy(dict(document))
    for path, part in ADDED.items():
        target, source = whole, _part(part)
        for label in path[:-1]:
            target, source = target.setdefault(label, {}), source[label]
        target.setdefault(path[-1], deepcopy(source[path[-1]]))
    return whole


@cache
def _part(name: str) -> dict[str, Any]:
    file = f"{name}.yaml"
    text = (files("tenants.schemes") / "presets" / "parts" / file).read_text(encoding="utf-8")
    root = read_source(text, file).root
    assert root is not None, "a part of the presets is readable"
    part: dict[str, Any] = root.plain()
    return part
