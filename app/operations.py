"""What the command line does: tokens, lists of logins, and what may be served where. `cli` only names and prints it."""

from __future__ import annotations

import csv
import ipaddress
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import asyncpg
import uvicorn

from app.deadlines.moving import Moved, Step, move_batch
from app.files.disk import DiskStore
from app.files.scanning import CommandScanner
from app.files.storage import BlobStore
from app.files.uploads import Uploads
from app.integrity.reports.moving import move_reports
from app.kernel.config import Settings
from app.kernel.database import OWNER_ROLE, Database
from app.kernel.errors import InvalidInput, NotResponsible, Unauthenticated
from app.kernel.tabular import CellProblem, Sheet
from app.kernel.unit_of_work import Nobody
from app.migrate import current_revision, head_revision
from app.rectification.moving import move_tasks
from app.responsibility.importing import Read, by_name, read_list
from app.responsibility.store import present_version, publish
from app.supervision.moving import move_replies
from app.tickets.attachments import Swept, sweep_files
from app.tickets.importing.mapping import ImportMapping, read_mapping
from app.tickets.importing.run import Finding, Tally, TicketImport
from app.tickets.moving import move_deadlines
from app.tickets.signing import sign_missing
from app.transfers.moving import move_decisions
from authz.actor import Actor
from authz.actors import Actors
from authz.keys import signing_key
from authz.policy import load_policy
from authz.roles import Role
from authz.tokens import TokenIssuer, TokenVerifier
from authz.users import LOGIN
from migrations.catalogue import describe, drift
from tenants.calendar_import import Read as CalendarRead
from tenants.calendar_import import publish_calendar, read_calendar
from tenants.provisioning import PLATFORM_ID, provision_city
from tenants.tree import TenantTree, TenantTreeCache

ENTERPRISES_LISTED = 20
VALUE_SHOWN = 200
"""Characters of a cell that a report quotes."""


class Refused(Exception):
    """The command cannot be done; the message says why and what to do, in plain words."""


@dataclass(frozen=True, slots=True)
class ListedLogin:
    """A login of the demonstration as `yingshang demo --list-logins` shows it."""

    login: str
    name: str


@dataclass(frozen=True, slots=True)
class ListedCity:
    """The demonstration's logins of one city (or of the platform); `more` enterprises' are not listed."""

    name: str
    staff: tuple[ListedLogin, ...]
    enterprises: tuple[ListedLogin, ...]
    more: int


async def issue_tokens(
    settings: Settings, application_url: str, logins: list[str], *, now: datetime, lifetime: timedelta
) -> dict[str, str]:
    """A token for each of these logins. Raises `Refused` for a login that nobody has, or that is not active."""
    rows = await _fetch(
        application_url,
        "select login, id from users where login = any($1::text[]) and active",
        [login for login in logins if LOGIN.fullmatch(login)],
    )
    found = {row["login"]: row["id"] for row in rows}
    missing = [login for login in logins if login not in found]
    if missing:
        raise Refused(
            f"There is no active user {missing[0]!r}. `yingshang demo --list-logins` shows the demonstration's logins."
        )
    issuer = TokenIssuer(signing_key(settings.signing_key_text()))
    return {login: issuer.issue(found[login], now=now, lifetime=lifetime) for login in logins}


async def listed_logins(application_url: str) -> list[ListedCity]:
    """The demonstration's logins by city: all of the staff, the first enterprises. Empty when nothing is loaded."""
    rows = await _fetch(
        application_url,
        """
        select * from (
          select t.id as city_id, t.name as city, u.login, u.name, u.login like 'enterprise@%' as enterprise, u.id,
                 row_number() over same as place, count(*) over (partition by t.id, u.login like 'enterprise@%') as of
          from users u join tenants t on t.id = u.city_id
          where u.demo
          window same as (partition by t.id, u.login like 'enterprise@%' order by u.id)
        ) listed
        where not enterprise or place <= $1
        order by city_id, split_part(login, '@', 2), login
        """,
        ENTERPRISES_LISTED,
    )
    cities: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        cities.setdefault(row["city_id"], []).append(row)
    return [_listed(own) for own in cities.values()]


def _listed(rows: list[asyncpg.Record]) -> ListedCity:
    enterprises = sorted((row for row in rows if row["enterprise"]), key=lambda row: int(row["place"]))
    return ListedCity(
        name=rows[0]["city"],
        staff=tuple(ListedLogin(row["login"], row["name"]) for row in rows if not row["enterprise"]),
        enterprises=tuple(ListedLogin(row["login"], row["name"]) for row in enterprises),
        more=enterprises[0]["of"] - len(enterprises) if enterprises else 0,
    )


def check_key(settings: Settings) -> None:
    """Make the signing key, before several workers ask for it. Raises `UnusableKey` or OSError for one that is set."""
    signing_key(settings.signing_key_text())


async def check_exposure(settings: Settings, application_url: str, host: str) -> None:
    """Raises `Refused` when the network would reach a server whose tokens or logins anybody could have."""
    if is_loopback(host):
        return
    if settings.signing_key_generated:
        raise Refused(
            f"Serving on {host} is refused: the tokens are signed with a key that this machine made for itself.\n"
            "Set YINGSHANG_SIGNING_KEY to an Ed25519 key of your own (JWK, PEM, or the path of a file with one),"
            " or serve on 127.0.0.1."
        )
    (row,) = await _fetch(application_url, "select count(*) as logins from users where demo and active")
    if row["logins"]:
        raise Refused(
            f"Serving on {host} is refused: the database holds {row['logins']:,} logins of the demonstration, which"
            " are known to everybody.\nUse a database without the demonstration, or serve on 127.0.0.1."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on the host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_port(host: str, port: int) -> None:
    """Raises `Refused` when somebody listens there already, or the address is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Refused(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.") from error


def run_server(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until stopped. The caller has checked the exposure and the port, and started the database."""
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="schema.live.connections:HttpConnection",
        ws="schema.live.connections:SocketConnection",
        ws_per_message_deflate=False,  # it costs 131 KiB a socket and 31 µs a message
        ws_max_size=4 * settings.limits.ws_message_bytes,  # the socket itself answers what is only a little too big
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        # A worker answers its parent only after its imports: with the 5 s of the default a busy machine kills it
        # anew, and each second more is one that a worker which hangs is missed later.
        timeout_worker_healthcheck=10,
    )


async def _fetch(application_url: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Rows as the application sees them with every city in sight."""
    try:
        connection = await asyncpg.connect(application_url)
    except ValueError as error:
        raise Refused(f"The database's URL cannot be used: {error}") from error
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(
                "select set_config('app.cities', coalesce(string_agg(id::text, ','), ''), true)"
                " from tenants where id = city_id"
            )
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
    finally:
        await connection.close()


async def check_migrated(application_url: str) -> None:
    """Raises `Refused` when the database is not at the revision that this program was written for."""
    rows = await _fetch(application_url, "select version_num from alembic_version")
    revision = rows[0]["version_num"] if rows else None
    if revision != head_revision():
        raise Refused(
            f"The database is at {revision}, this program needs {head_revision()}. `yingshang migrate` brings it there."
        )


async def check_schema(admin_url: str) -> list[str]:
    """What the migrations would change or did not make, in plain words; nothing when all is well."""
    revision = await current_revision(admin_url)
    if revision != head_revision():
        return [f"The database is at {revision or 'nothing'}; the newest revision is {head_revision()}."]
    connection = await asyncpg.connect(admin_url)
    try:
        return drift(await describe(connection))
    finally:
        await connection.close()


async def create_city(
    application_url: str, preset: str, *, slug: str | None, region: str | None = None, now: datetime
) -> tuple[str, int]:
    """Make a city from a preset; its path, and the version of its scheme."""
    database = await Database.open(application_url, pool_size=1)
    try:
        async with database.session(cities=()) as session:
            city_id = await provision_city(session, preset, now=now, slug=slug, region=region)
        node = (await TenantTreeCache(database).get()).by_id(city_id)
        assert node is not None
        return node.path, node.scheme_version or 0
    finally:
        await database.close()


async def sign_tickets(admin_url: str) -> dict[str, int]:
    """Sign every ticket without a signature, city by city; how many there were, by the cities' paths."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f"set role {OWNER_ROLE}")
        signed = {}
        spaces = "select id, path from tenants where kind in ('CITY', 'REGION') order by path"
        for city in await connection.fetch(spaces):
            async with connection.transaction():
                await connection.execute("select set_config('app.cities', $1, true)", str(city["id"]))
                signed[city["path"]] = await sign_missing(connection, city["id"])
        return signed
    finally:
        await connection.close()


def uploads_of(settings: Settings, database: Database) -> Uploads:
    """Where these settings keep files. Raises `Refused` for a bucket without the client for it."""
    store: BlobStore = DiskStore(settings.files_dir / "blobs")
    if settings.files.s3 is not None:
        try:
            from app.files.s3 import S3Store  # its client is large, and few need it
        except ImportError as error:
            raise Refused("YINGSHANG_FILES__S3__… is set, which needs: pip install 'yingshang[s3]'") from error
        store = S3Store(settings.files.s3)
    command = settings.files.scan_command
    return Uploads(
        database,
        store,
        settings.files_dir / "uploads",
        settings.files,
        None if command is None else CommandScanner(command, settings.files.scan_seconds),
    )


async def sweep_all_files(settings: Settings, application_url: str, *, now: datetime) -> list[tuple[str, Swept]]:
    """Throw away in every city what its schemes say is over; what, by the path of the city."""
    database = await Database.open(application_url, pool_size=1)
    try:
        uploads = uploads_of(settings, database)
        return await sweep_files_of(uploads, await TenantTreeCache(database).get(), now=now)
    finally:
        await database.close()


async def sweep_files_of(uploads: Uploads, tree: TenantTree, *, now: datetime) -> list[tuple[str, Swept]]:
    """The same with what is open already."""
    spaces = (node for node in tree.nodes if node.id in tree.space_ids)
    return [(space.path, await sweep_files(uploads, space.id, now=now)) for space in spaces]


async def listed_tenants(application_url: str) -> list[str]:
    """A line for each city and region: path, kind, name, how many counties and departments, scheme."""
    rows = await _fetch(
        application_url,
        """
        select t.path, t.kind, t.name, (select max(version) from schemes s where s.city_id = t.id) as scheme,
               (select count(*) from tenants b where b.city_id = t.id and b.kind = 'COUNTY') as counties,
               (select count(*) from tenants b where b.city_id = t.id and b.kind = 'DEPARTMENT') as departments
        from tenants t where t.kind in ('CITY', 'REGION') order by t.id
        """,
    )
    return [
        f"{row['path']:<24} {row['kind']:<9} {row['name']}"
        + (
            f": {row['counties']} counties, {row['departments']} departments, scheme {row['scheme']}"
            if row["scheme"]
            else ""
        )
        for row in rows
    ]


async def import_responsibility(
    application_url: str, file: Path, *, city: str, note: str | None, skip_bad: bool, now: datetime
) -> tuple[Read, int, bool]:
    """Publish a city's responsibility list from a file; what was read, the version in force, whether it is new.

    With problems in it and without `skip_bad` nothing is published. Raises `Refused`, and `InvalidInput` for a file
    that is no such list.
    """
    database = await Database.open(application_url, pool_size=1)
    try:
        tree = await TenantTreeCache(database).get()
        node = tree.by_path(city)
        if node is None or node.id != node.city_id:
            raise Refused(f"There is no city {city!r}. `yingshang tenant list` shows which there are.")
        read = read_list(file, by_name(tree, node.id))
        async with database.session(cities=(node.id,)) as session:
            before = await present_version(session, node.id)
            if read.problems and not skip_bad:
                return read, before, False
            version = await publish(session, node.id, read.drafts, note=note, now=now)
        return read, version, version != before
    finally:
        await database.close()


async def import_calendar(
    application_url: str, file: Path, *, note: str | None, login: str | None, now: datetime
) -> tuple[CalendarRead, int, bool]:
    """Publish the state's holidays from a file; what was read, the version in force, whether it is new.

    With problems in it nothing is published. Raises `Refused`, and `InvalidInput` for a file that is no such list.
    """
    database = await Database.open(application_url, pool_size=1)
    try:
        author = None if login is None else await _operator(application_url, login)
        before = (await TenantTreeCache(database).get()).calendar
        read = read_calendar(file, before)
        if read.problems or not read.days:
            return read, before.version, False
        async with database.session(cities=(PLATFORM_ID,)) as session:
            calendar, published = await publish_calendar(session, read, note=note, published_by=author, now=now)
        return read, calendar.version, published
    finally:
        await database.close()


async def _operator(application_url: str, login: str) -> uuid.UUID:
    rows = await _fetch(
        application_url,
        "select u.id from users u where u.login = $1 and u.active"
        " and exists (select from grants g where g.user_id = u.id and g.role = $2)",
        login,
        Role.PLATFORM_OPERATOR,
    )
    if not rows:
        raise Refused(f"There is no platform operator {login!r}.")
    found: uuid.UUID = rows[0]["id"]
    return found


MOVERS: Mapping[str, Step] = MappingProxyType(
    {
        "deadlines": move_deadlines,
        "notices": move_replies,
        "rectification tasks": move_tasks,
        "reports": move_reports,
        "transfers": move_decisions,
    }
)
"""Whatever is due in working time, and who works it out anew."""


async def move_all_deadlines(application_url: str, *, now: datetime) -> dict[str, tuple[int, list[Moved]]]:
    """Work out anew whatever is open and was worked out by an older calendar; how many, and which moved, by the city's
    path."""
    database = await Database.open(application_url, pool_size=2)
    try:
        trees = TenantTreeCache(database)
        found: dict[str, tuple[int, list[Moved]]] = {}
        for city in (await trees.get()).cities:
            looked_at, moved = 0, list[Moved]()
            for step in MOVERS.values():
                while (turn := await move_batch(database, trees, Nobody(), city.id, step, now=now))[0]:
                    looked_at += turn[0]
                    moved += turn[1]
            found[city.path] = looked_at, moved
        return found
    finally:
        await database.close()


def told_of_cells(problems: Sequence[CellProblem]) -> list[str]:
    """A line for each cell that is wrong, in the city's words."""
    from schema.messages import message  # takes its time, and the other commands need not wait for it

    return [f"第 {problem.row} 行,“{problem.column}”:{message(problem.refusal, 'zh-CN')}" for problem in problems]


async def import_tickets(
    settings: Settings,
    application_url: str,
    file: Path,
    *,
    city: str,
    login: str,
    mapping_file: Path | None,
    dry_run: bool,
    now: datetime,
    announce: Callable[[Sheet, int], None],
    progress: Callable[[Tally], None],
) -> tuple[Tally, Path | None]:
    """Load the tickets of another platform, as the intake agent of that login; the tally, and the report if any.

    `announce` is told what was made of the columns, and how many rows there are, before anything is loaded. Raises
    `Refused`, and `InvalidInput` for a file or a mapping that cannot be used.
    """
    mapping = ImportMapping() if mapping_file is None else read_mapping(mapping_file)
    total = sum(1 for _ in mapping.open(file).rows)  # which also finds a file that breaks off, before it is begun
    sheet = mapping.open(file)
    announce(sheet, total)
    database = await Database.open(application_url, pool_size=2)
    try:
        trees = TenantTreeCache(database)
        node = (await trees.get()).by_path(city)
        if node is None or node.id != node.city_id:
            raise Refused(f"There is no city {city!r}. `yingshang tenant list` shows which there are.")
        rows = await _fetch(application_url, "select id from users where login = $1 and active", login)
        if not rows:
            raise Refused(f"There is no active user {login!r}.")
        verifier = TokenVerifier(signing_key(settings.signing_key_text()))
        actors = Actors(database, load_policy(), verifier)

        async def load_actor() -> Actor:
            actors.forget(rows[0]["id"])
            return await actors.load(rows[0]["id"])

        task = TicketImport(database, trees, load_actor, city_id=node.id, mapping=mapping, now=now, dry_run=dry_run)
        report = file.with_name(file.name + ".report.csv")
        report.unlink(missing_ok=True)

        def tell(findings: Sequence[Finding]) -> None:
            if findings:
                _report(report, findings)

        return await task.run(sheet, tell, progress), report if report.exists() else None
    except (NotResponsible, Unauthenticated) as error:
        raise Refused(f"{login} is no intake agent of {city}.") from error
    finally:
        await database.close()


def _report(report: Path, findings: Sequence[Finding]) -> None:
    """Add what is to be said of a batch. It quotes strangers: what a spreadsheet would take for a formula is a text."""
    from schema.messages import message  # takes its time, and the other commands need not wait for it

    begun = report.exists()
    with report.open("a", encoding="utf-8" if begun else "utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        if not begun:
            writer.writerow(("行", "列", "内容", "原因"))
        for finding in findings:
            data = {key: value for key, value in finding.refusal.data.items() if key != "rule"}
            reason = message(InvalidInput(finding.column, finding.refusal.rule, **data), "zh-CN")
            value = finding.value[:VALUE_SHOWN]
            if value.startswith(("=", "+", "-", "@")):
                value = "'" + value
            writer.writerow((finding.row, finding.column, value, f"提示:{reason}" if finding.remark else reason))
