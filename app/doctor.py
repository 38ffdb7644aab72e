"""`yingshang doctor`: looks over everything the program stands on, and says in plain words what to do about it.

It changes nothing. What needs the database is asked of the catalogue, so that a table, a function or a privilege
nobody thought of is found as well.
"""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import socket
import stat
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from app.kernel import embedded
from app.kernel.clock import SystemClock
from app.kernel.config import Settings
from app.kernel.database import APP_ROLE, DEFINER_ROLE, OWNER_ROLE, DatabaseUrls, database_urls
from app.kernel.tables import Base
from app.migrate import ROLES, head_revision, role_attributes
from migrations.catalogue import describe, drift
from migrations.env_tables import MODELS

OLDEST_VERSION = 15
LARGEST_SKEW = timedelta(seconds=2)
AUDITED_FUNCTIONS = ("search_enterprises(text)", "search_tickets(text)")
"""The only functions that may look past row-level security: the text searches, which return ids only."""

_UNTRACKED = frozenset({"alembic_version"})
_SHOWN = 5
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `says` is what was found, `do` what to do about it (empty when it is well)."""

    name: str
    ok: bool
    says: str
    do: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, the machine's first and then the database's; the embedded server is started to be asked.

    Nothing is raised for what is wrong: it is a finding.
    """
    findings = [*_secrets(settings), _signing_key(settings), await asyncio.to_thread(_port, settings)]
    if settings.embedded and not (settings.postgres_dir / "PG_VERSION").exists():
        return [
            *findings,
            _bad("server", f"There is no database under {settings.data_dir} yet.", "Run `yingshang migrate`."),
        ]
    try:
        urls = await asyncio.to_thread(database_urls, settings)
        connection = await asyncpg.connect(urls.admin or urls.application, timeout=10)
    except (OSError, PostgresError, InterfaceError, ValueError, embedded.EmbeddedServerError) as error:
        return [*findings, _unreachable(error)]
    try:
        findings += [_good("server", "The database answers."), await _version(connection), await _clock(connection)]
        findings += [await _encoding(connection), await _login(urls)]
        findings += [finding async for finding in _roles(connection)]
        findings += [await _migrations(connection), await _isolation(connection), await _definers(connection)]
        findings += [await _catalogue(connection)]
        if findings[-1].ok:
            findings += [await _calendar(connection)]
    finally:
        await connection.close()
    return findings


def _good(name: str, says: str) -> Finding:
    return Finding(name, True, says)


def _bad(name: str, says: str, do: str) -> Finding:
    return Finding(name, False, says, do)


def _listed(items: Iterable[str]) -> str:
    """The first few, and how many more."""
    found = list(items)
    shown = ", ".join(found[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown} and {len(found) - _SHOWN} more"


# The machine


def _secrets(settings: Settings) -> list[Finding]:
    folder = settings.secrets_dir
    if not folder.exists():
        return [_good("secrets", "This machine keeps no secrets of its own.")]
    open_ones = [
        str(path)
        for path in (folder, *sorted(folder.iterdir()))
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if open_ones:
        return [
            _bad(
                "secrets",
                f"Other users of this machine may read {_listed(open_ones)}.",
                f"Run `chmod -R go= {folder}`; when others had access, replace the secrets as well.",
            )
        ]
    return [_good("secrets", "Only this user may read the secrets.")]


def _signing_key(settings: Settings) -> Finding:
    name = "signing key"
    if settings.signing_key is not None:
        try:
            settings.signing_key_text()
        except OSError as error:
            return _bad(
                name, f"The signing key cannot be read: {error}", "Set YINGSHANG_SIGNING_KEY to a key or its file."
            )
        return _good(name, "Tokens are signed with the key you set.")
    if not _is_loopback(settings.host):
        return _bad(
            name,
            f"{settings.host} is open to a network, and tokens are signed with a key this machine made for itself.",
            "Set YINGSHANG_SIGNING_KEY, or serve on 127.0.0.1.",
        )
    return _good(name, "Tokens are signed with a key this machine made for itself: right for this machine only.")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _port(settings: Settings) -> Finding:
    name, where = "port", f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return _bad(
                name, f"{where} cannot be listened on: {error.strerror}.", "Set YINGSHANG_HOST and YINGSHANG_PORT."
            )
        if _is_ours(settings):
            return _good(name, f"This program is serving on {where}.")
        return _bad(
            name,
            f"Another program listens on {where}.",
            "End it, or choose another port: `yingshang serve --port …` or YINGSHANG_PORT.",
        )
    return _good(name, f"{where} is free.")


def _is_ours(settings: Settings) -> bool:
    """Whether what listens there answers a question only this API understands."""
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=3)
    try:
        query = json.dumps({"query": "{ tenants(first: 1) { totalCount } }"})
        connection.request("POST", "/graphql", query, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read(65_536))
        return isinstance(answer, dict) and "tenants" in (answer.get("data") or {})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


# The server


def _unreachable(error: Exception) -> Finding:
    name = "server"
    match error:
        case embedded.EmbeddedServerError():
            return _bad(name, str(error), "Its log is in the folder named; `yingshang db start` shows the error again.")
        case asyncpg.InvalidCatalogNameError():
            return _bad(name, f"The database is missing: {error}.", "Run `yingshang migrate`.")
        case asyncpg.InvalidAuthorizationSpecificationError():
            return _bad(name, f"The database refused the login: {error}.", "Check user and password in DATABASE_URL.")
        case _:
            reason = str(error) or type(error).__name__
            return _bad(name, f"The database does not answer: {reason}", "Check DATABASE_URL and that the server runs.")


async def _version(connection: asyncpg.Connection) -> Finding:
    version = connection.get_server_version()
    says = f"PostgreSQL {version.major}.{version.minor}."
    if version.major < OLDEST_VERSION:
        return _bad("version", says, f"Move to PostgreSQL {OLDEST_VERSION} or newer.")
    return _good("version", says)


async def _clock(connection: asyncpg.Connection) -> Finding:
    clock = SystemClock()
    before = clock.now()
    theirs: datetime = await connection.fetchval("select clock_timestamp()")
    skew = theirs - (before + (clock.now() - before) / 2)
    seconds = abs(skew.total_seconds())
    if abs(skew) > LARGEST_SKEW:
        return _bad(
            "clock",
            f"The clocks of this machine and of the database differ by {seconds:.1f} s.",
            "Let both machines set their time by NTP: deadlines and tokens rest on it.",
        )
    return _good("clock", f"The clocks of this machine and of the database agree ({seconds * 1000:.0f} ms apart).")


async def _encoding(connection: asyncpg.Connection) -> Finding:
    name = "text search"
    encoding: str = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        return _bad(name, f"The database's encoding is {encoding}.", "Make a new database with encoding UTF8.")
    if await connection.fetchval("select to_regproc('show_trgm')") is None:
        return _bad(name, "The extension pg_trgm is missing.", "Run `yingshang migrate`.")
    if not await connection.fetchval("select cardinality(show_trgm('办理')) > 0"):
        return _bad(
            name,
            "The database's character type has no letters beyond ASCII, so Chinese text is found without an index.",
            "Make a new database with lc_ctype 'C.UTF-8'; `yingshang migrate` does so when it makes it.",
        )
    return _good(name, "Chinese text is indexed.")


# Who may do what


async def _roles(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    for role, wanted in ROLES.items():
        known = await role_attributes(connection, role)
        name = f"role {role}"
        if known is None:
            yield _bad(name, f"The role {role} is missing.", "Run `yingshang migrate`.")
        elif known != wanted:
            wrong = [word for word in known.split() if word not in wanted.split()]
            yield _bad(
                name, f"The role {role} is {_listed(wrong)}.", "Run `yingshang migrate`, and find who changed it."
            )
        else:
            yield _good(name, f"{role} has the attributes it should have.")


async def _login(urls: DatabaseUrls) -> Finding:
    name = "login"
    try:
        connection = await asyncpg.connect(urls.application, timeout=10)
    except (OSError, PostgresError, InterfaceError, ValueError) as error:
        return _bad(
            name,
            f"The application cannot log in: {error}.",
            "Run `yingshang migrate`, which sets the password, or check YINGSHANG_APP_DATABASE_URL.",
        )
    try:
        row = await connection.fetchrow(
            """
            select session_user::text as login,
                   (select rolsuper or rolbypassrls from pg_roles where rolname = session_user) as above,
                   (select count(*) from pg_class where relowner = session_user::text::regrole) as owned,
                   array(select r.rolname::text from pg_roles r
                         where r.rolname <> session_user and pg_has_role(session_user, r.oid, 'member')) as member_of
            """
        )
    finally:
        await connection.close()
    do = f"Let the application log in as {APP_ROLE} and as nobody else; migrations take the administrator's login."
    if row["above"]:
        return _bad(name, f"The application logs in as {row['login']}, who is above row-level security.", do)
    if row["owned"]:
        return _bad(name, f"The application logs in as {row['login']}, who owns {row['owned']} tables or indexes.", do)
    if row["member_of"]:
        says = f"The application's login {row['login']} may act as {_listed(row['member_of'])}."
        return _bad(name, says, f"Revoke it: `revoke {row['member_of'][0]} from {row['login']}`.")
    return _good(
        name, f"The application logs in as {row['login']}, who owns nothing and is bound by row-level security."
    )


async def _isolation(connection: asyncpg.Connection) -> Finding:
    name = "row-level security"
    platform = {m.class_.__tablename__ for m in Base.registry.mappers if getattr(m.class_, "__platform__", False)}
    assert platform, MODELS
    rows = await connection.fetch(
        """
        select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
               pg_get_userbyid(c.relowner)::text as owner,
               array(select coalesce(pg_get_expr(polqual, polrelid), 'true') || ' '
                            || coalesce(pg_get_expr(polwithcheck, polrelid), '')
                     from pg_policy where polrelid = c.oid) as policies
        from pg_class c
        where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
          and not exists (select from pg_depend
                          where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
        order by 1
        """
    )
    tables = {row["name"]: row for row in rows if row["name"] not in _UNTRACKED}
    wrong = [f"{table} is missing" for table in sorted(set(Base.metadata.tables) - set(tables))]
    for table, row in tables.items():
        if not row["forced"]:
            wrong.append(f"{table} is not protected")
        elif not row["policies"]:
            wrong.append(f"{table} has no policy")
        elif table not in platform and any("app.cities" not in policy for policy in row["policies"]):
            wrong.append(f"{table} has a policy that does not ask for the city")
        elif row["owner"] != OWNER_ROLE:
            wrong.append(f"{table} belongs to {row['owner']}")
    if wrong:
        return _bad(
            name,
            f"One city might see another's data: {_listed(wrong)}.",
            "Stop serving, run `yingshang migrate`; when that does not help, restore what `catalogue` shows below.",
        )
    return _good(name, f"All {len(tables)} tables are protected, their owner included.")


async def _definers(connection: asyncpg.Connection) -> Finding:
    name = "definer functions"
    rows = await connection.fetch(
        """
        select p.oid::regprocedure::text as name, pg_get_userbyid(p.proowner)::text as owner, p.prosecdef as definer,
               coalesce(p.proconfig, '{}') as settings
        from pg_proc p
        where (p.prosecdef or p.proowner = to_regrole($1))
          and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          and not exists (select from pg_depend
                          where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
        order by 1
        """,
        DEFINER_ROLE,
    )
    found = {row["name"]: row for row in rows}
    stray = [function for function in found if function not in AUDITED_FUNCTIONS]
    if stray:
        return _bad(
            name,
            f"Functions that nobody audited run with another's rights: {_listed(stray)}.",
            "Find who made them and drop them.",
        )
    wrong = [f"{function} is missing" for function in AUDITED_FUNCTIONS if function not in found]
    for function, row in found.items():
        if row["owner"] != DEFINER_ROLE:
            wrong.append(f"{function} belongs to {row['owner']}")
        if "search_path=pg_catalog, public, pg_temp" not in row["settings"]:
            wrong.append(f"{function} has no fixed search path")
    if wrong:
        return _bad(name, f"The audited searches are not as they were: {_listed(wrong)}.", "Run `yingshang migrate`.")
    return _good(name, f"Only the audited ones: {_listed(found)}.")


# What migrations made


async def _migrations(connection: asyncpg.Connection) -> Finding:
    name, head = "migrations", head_revision()
    if await connection.fetchval("select to_regclass('public.alembic_version')") is None:
        return _bad(name, "The database was never migrated.", "Run `yingshang migrate`.")
    revision: Any = await connection.fetchval("select version_num from alembic_version")
    if revision != head:
        return _bad(
            name,
            f"The database is at {revision or 'nothing'}, this program needs {head}.",
            "Run `yingshang migrate`; if the database is the newer one, install the newer program.",
        )
    return _good(name, f"The database is at {head}, the newest revision.")


async def _catalogue(connection: asyncpg.Connection) -> Finding:
    name = "catalogue"
    lines = drift(await describe(connection))
    if lines:
        shown = _listed(line[:_WIDTH] for line in lines)
        return _bad(
            name,
            f"The database is not what the migrations make (+ too much, - missing): {shown}.",
            "Undo by hand what was changed by hand; a change that is meant belongs into a migration.",
        )
    return _good(name, "The database is exactly what the migrations make.")


# What the data wait for


# What is open, by the year that it is due in.
PROVISIONAL = """
select extract(year from open.due_at at time zone (s.calendar ->> 'time_zone'))::int as year, count(*) as clocks
from (
  select city_id, scheme_version, due_at from deadlines where ended_at is null and provisional
  union all
  select city_id, scheme_version, reply_due_at from supervision_notices where status = 'ISSUED' and provisional
  union all
  select city_id, scheme_version, coalesce(look_back_until, due_at) from rectification_tasks
  where provisional and (closed_at is null or look_back_until > now())
  union all
  select city_id, scheme_version, due_at from reports where status in ('DUE', 'RETURNED') and provisional
  union all
  select city_id, scheme_version, due_at from ticket_transfers
  where status = 'OFFERED' and direction = 'RECEIVED' and provisional
) as open (city_id, scheme_version, due_at)
join schemes s on s.city_id = open.city_id and s.version = open.scheme_version
group by 1 order by 1
"""


async def _calendar(connection: asyncpg.Connection) -> Finding:
    """Years whose holidays are not published are nobody's fault: the operator is told, and nothing is wrong."""
    async with connection.transaction(readonly=True):
        await connection.execute(
            "select set_config('app.cities', coalesce(string_agg(id::text, ','), ''), true)"
            " from tenants where id = city_id"
        )
        return calendar_finding(await connection.fetch(PROVISIONAL))


def calendar_finding(rows: Sequence[asyncpg.Record]) -> Finding:
    """What the answer to `PROVISIONAL` tells the operator."""
    if not rows:
        return _good("calendar", "Every open deadline lies in years whose holidays are published.")
    years = ", ".join(f"{row['year']} ({row['clocks']:,})" for row in rows)
    return Finding(
        "calendar",
        True,
        f"Open deadlines reach into years without published holidays, and go by weekends only: {years}.",
        "Once the holidays are published, `yingshang import calendar FILE.csv` works these deadlines out anew.",
    )
