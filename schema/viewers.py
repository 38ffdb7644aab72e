"""Who is asking: from the words of a request to a viewer, and what to do when their grants change under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from app.kernel.errors import StaleActor, Unauthenticated
from schema.context import Locale, Services, Viewer
from schema.http import bearer_token

T = TypeVar("T")

ATTEMPTS = 3
"""How often a request begins anew when somebody changes the viewer's grants just then."""


class SignIn(NamedTuple):
    """A viewer and until when their token holds (aware UTC; None: nobody signed in)."""

    viewer: Viewer
    expires_at: datetime | None


async def sign_in(services: Services, authorization: object, locale: Locale) -> SignIn:
    """The viewer named by `Bearer …`, or nobody when nothing was said. Raises Unauthenticated."""
    now = services.clock.now()
    token = bearer_token(authorization)
    if token is None:
        return SignIn(Viewer(None, locale, now), None)
    claims = services.verifier.verify(token, now)
    return SignIn(Viewer(await services.actors.load(claims.user_id), locale, now), claims.expires_at)


async def with_current_grants(services: Services, viewer: Viewer, call: Callable[[Viewer], Awaitable[T]]) -> T:
    """Run `call(viewer)`; when it finds the grants changed, load them again and run it again.

    Nothing was done yet when that is found. Raises Unauthenticated("revoked") for a person who is no longer active.
    """
    for _ in range(ATTEMPTS):
        try:
            return await call(viewer)
        except StaleActor:
            viewer = await reloaded(services, viewer)
    raise Unauthenticated("revoked")


async def reloaded(services: Services, viewer: Viewer) -> Viewer:
    """The viewer with the grants they have now. Raises Unauthenticated("revoked")."""
    if viewer.actor is None:
        raise Unauthenticated("missing")
    services.actors.forget(viewer.actor.user_id)
    return viewer.acting_as(await services.actors.load(viewer.actor.user_id))
