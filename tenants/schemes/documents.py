"""Templates of notices and reports (domain.md, section 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tenants.schemes.values import Broken, Model, Name, Prose, repeated
from tenants.schemes.words import DocumentKind

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_COMMON = frozenset({"year", "serial", "date", "city", "addressee", "issuer"})
PLACEHOLDERS: Mapping[DocumentKind, frozenset[str]] = {
    DocumentKind.ASSIGNMENT: _COMMON | {"enterprise", "item", "application", "due"},
    DocumentKind.REMINDER: _COMMON | {"ticket", "title", "reason", "due"},
    DocumentKind.RECTIFICATION: _COMMON | {"ticket", "title", "reason", "due"},
    DocumentKind.INTERVIEW: _COMMON | {"ticket", "title", "reason", "evidence", "due"},
    DocumentKind.RANKING_BULLETIN: _COMMON | {"period", "group"},
    DocumentKind.MONTHLY_REPORT: _COMMON | {"month"},
    DocumentKind.DRAW_PROTOCOL: _COMMON | {"round", "size", "seats"},
}
"""What the texts of each kind may name in braces."""


class Template(Model):
    """A notice or report: its title, its number (`{year}`, `{serial}`), its text and the line above the seal."""

    kind: DocumentKind
    title: Name
    number: Name
    text: Prose
    seal: Name

    def rules(self) -> Iterator[Broken]:
        allowed = PLACEHOLDERS[self.kind]
        for key in ("title", "number", "text", "seal"):
            text: str = getattr(self, key)
            for name in _PLACEHOLDER.findall(text):
                if name not in allowed:
                    listed = ", ".join(f"{{{known}}}" for known in sorted(allowed))
                    yield Broken((key,), f"placeholders among {listed}", f"{{{name}}}")
            if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
                yield Broken((key,), "braces in pairs, around a placeholder", text[:60])
        if "{serial}" not in self.number:
            yield Broken(("number",), "a number with {serial}", self.number)


def check_templates(templates: tuple[Template, ...]) -> Iterator[Broken]:
    """One template of each kind."""
    yield from repeated("templates", (template.kind for template in templates), "kind")
    missing = [kind for kind in DocumentKind if kind not in {template.kind for template in templates}]
    if missing:
        yield Broken(("templates",), "a template of each kind", f"none for {', '.join(missing)}")
