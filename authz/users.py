"""People who sign in."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.texts import clean_text
from authz.models import User

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(@([a-z0-9][a-z0-9._-]{0,127}|[0-9A-Z]{18}))?", re.ASCII)
"""`zhang.wei`, `handler@guangyuan.finance`, `enterprise@<credit code>`. Lower case: no two look alike."""


async def create_user(session: AsyncSession, *, city_id: int, login: str, name: str, demo: bool, now: datetime) -> User:
    """A new person, at home in the city and with no grant yet.

    Logins are unique across cities: a person signs in before a city is known. Raises `InvalidInput`: `login` with
    rule `syntax` or `taken`, or a `name` that is no name of at most 100 characters.
    """
    if not LOGIN.fullmatch(login):
        raise InvalidInput("login", "syntax")
    name = clean_text("name", name, at_most=100)
    statement = (
        insert(User)
        .values(id=new_id(), city_id=city_id, login=login, name=name, demo=demo, created_at=now)
        .on_conflict_do_nothing(index_elements=[User.login])
        .returning(User)
    )
    user = (await session.scalars(statement)).one_or_none()
    if user is None:
        raise InvalidInput("login", "taken")
    return user


async def user_by_login(session: AsyncSession, login: str) -> User | None:
    """The person of that login, if they belong to one of the transaction's cities."""
    if not LOGIN.fullmatch(login):  # what cannot have been stored need not be asked for, and may not be sendable
        return None
    return (await session.scalars(select(User).where(User.login == login))).one_or_none()


async def user_by_id(session: AsyncSession, user_id: uuid.UUID) -> User | None:
    """The person of that id, if they belong to one of the transaction's cities."""
    return (await session.scalars(select(User).where(User.id == user_id))).one_or_none()
