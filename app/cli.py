"""`yingshang`: the command line. Commands call functions; what can be foreseen to fail is said in plain words."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from socket import gaierror
from typing import Annotated

import typer
import uvloop
from asyncpg.exceptions import (
    InterfaceError,
    InvalidAuthorizationSpecificationError,
    InvalidCatalogNameError,
    PostgresError,
    UndefinedFunctionError,
    UndefinedTableError,
)
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app import migrate as migrating
from app import operations
from app.demo.guide import cast_of, guide
from app.demo.loader import PRESETS, REGION, load_demo
from app.doctor import examine
from app.jobs import run_worker
from app.kernel import embedded
from app.kernel.clock import SystemClock
from app.kernel.config import Settings, get_settings
from app.kernel.database import database_urls
from app.kernel.errors import InvalidInput
from app.kernel.tabular import Sheet
from app.operations import Refused
from app.responsibility.importing import rows_of
from authz.keys import UnusableKey
from tenants.schemes.problems import SchemeProblems

DEMO_TOKEN_HOURS = 12

app = typer.Typer(
    name="yingshang",
    help="The GraphQL backend on which city governments run their business-environment work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database_commands = typer.Typer(help="The PostgreSQL that comes with the program.", no_args_is_help=True)
file_commands = typer.Typer(help="Attachments.", no_args_is_help=True)
tenant_commands = typer.Typer(help="Cities.", no_args_is_help=True)
import_commands = typer.Typer(help="What other systems export.", no_args_is_help=True)
app.add_typer(database_commands, name="db")
app.add_typer(import_commands, name="import")
app.add_typer(tenant_commands, name="tenant")
app.add_typer(file_commands, name="files")
ticket_commands = typer.Typer(help="Tickets.", no_args_is_help=True)
app.add_typer(ticket_commands, name="tickets")

Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Where to listen; YINGSHANG_PORT, or 8000.")]


class Direction(StrEnum):
    """Where `migrate` goes."""

    UP = "up"
    DOWN = "down"
    CHECK = "check"


class SchemaTask(StrEnum):
    """What `schema` does."""

    PRINT = "print"
    CHECK = "check"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; YINGSHANG_HOST, or 127.0.0.1.")] = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; YINGSHANG_WORKERS, or 1.")] = None,
) -> None:
    """Serve /graphql over HTTP, WebSocket and Server-Sent Events."""
    settings = get_settings()
    _serve(settings, host or settings.host, port or settings.port, workers or settings.workers)


def _serve(settings: Settings, host: str, port: int, workers: int) -> None:
    operations.check_port(host, port)
    application_url = database_urls(settings).application
    asyncio.run(operations.check_exposure(settings, application_url, host))
    asyncio.run(operations.check_migrated(application_url))
    operations.check_key(settings)
    operations.run_server(settings, host=host, port=port, workers=workers)


@app.command()
def worker() -> None:
    """Do what is due by itself (deadlines, files, …), as `serve` does beside serving; any number may run at once.

    Ends in order at SIGTERM or SIGINT.
    """
    settings = get_settings()
    application_url = database_urls(settings).application
    asyncio.run(operations.check_migrated(application_url))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_worker(settings, application_url))


@app.command()
def demo(
    enterprises: Annotated[int, typer.Option(min=1, max=5_000_000, help="Enterprises of each city.")] = 2_000,
    tickets: Annotated[int, typer.Option(min=0, max=1_000_000, help="Tickets of each city.")] = 5_000,
    port: Port = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only load, and say what there is to try.")] = False,
    list_logins: Annotated[bool, typer.Option("--list-logins", help="Only list the logins.")] = False,
) -> None:
    """Load two cities, and a region with two smaller ones, with invented enterprises and tickets, and serve them here.

    Running it again changes nothing; larger numbers add what is missing.
    """
    settings = get_settings()
    if list_logins:
        _list_logins(settings)
        return
    at = port or settings.port
    if not no_serve:
        operations.check_port("127.0.0.1", at)
    migrating.migrate(settings)
    now = SystemClock().now()
    with _progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        loaded = asyncio.run(
            load_demo(
                _admin_url(settings),
                enterprises=enterprises,
                tickets=tickets,
                now=now,
                presets=(*PRESETS, *REGION),
                progress=progress,
            )
        )
    for each in loaded:
        typer.echo(
            f"{each.city.name} ({each.city.path}): {each.enterprises:,} enterprises, {each.tickets:,} tickets"
            + (", all there already" if each.tickets and not (each.added_enterprises or each.added_tickets) else "")
        )
    city, neighbour = loaded[0].city, loaded[1].city
    cast = cast_of(city)
    tokens = asyncio.run(
        operations.issue_tokens(
            settings,
            database_urls(settings).application,
            cast.logins,
            now=now,
            lifetime=timedelta(hours=DEMO_TOKEN_HOURS),
        )
    )
    url = f"http://127.0.0.1:{at}/graphql"
    typer.echo(guide(url, city, neighbour, cast, tokens, today=now.date(), hours=DEMO_TOKEN_HOURS, program=_program()))
    if no_serve:
        typer.echo(f"Not serving; `{_program()} serve --port {at}` does.")
        return
    typer.echo(f"Serving {url}; Ctrl-C stops.")
    _serve(settings, "127.0.0.1", at, 1)


@app.command("day")
def work(
    url: Annotated[str | None, typer.Option(help="Of the demonstration; by default the one on this machine.")] = None,
    tickets: Annotated[int, typer.Option(min=1, max=1_000, help="How many tickets.")] = 200,
) -> None:
    """Work a day at the desk of the running demonstration from outside: tickets in all ways, watched live.

    Everything that was seen of it is compared with what was done; ends with 1 when something differs.
    """
    from app.demo.day.client import Unexpected  # takes its time, and the other commands need not wait for it
    from app.demo.day.run import transcript, work_day

    settings = get_settings()
    cities = _demo_cities(settings)
    city, neighbour = PRESETS
    (own,) = (each for each in cities if any(listed.login.endswith(f"@{city}") for listed in each.staff))
    enterprises = [listed.login for listed in own.enterprises]
    tokens = asyncio.run(
        operations.issue_tokens(
            settings,
            database_urls(settings).application,
            enterprises + [listed.login for each in cities for listed in each.staff],
            now=SystemClock().now(),
            lifetime=timedelta(hours=1),
        )
    )
    at = url or f"http://127.0.0.1:{settings.port}/graphql"
    try:
        worked = asyncio.run(
            work_day(at, tokens, city=city, neighbour=neighbour, enterprises=enterprises, tickets=tickets)
        )
    except Unexpected as error:
        raise Refused(str(error)) from error
    for line in transcript(worked):
        typer.echo(line)
    if worked.wrong:
        raise Refused("\n".join(["Not as it should be:", *worked.wrong]))
    typer.echo("Everything is as it should be.")


def _program() -> str:
    """How the reader calls this program: by its name where the shell finds it, else by its path from here."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    return os.path.relpath(called)


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _demo_cities(settings: Settings) -> list[operations.ListedCity]:
    cities = asyncio.run(operations.listed_logins(database_urls(settings).application))
    if not cities:
        raise Refused("The demonstration is not loaded. `yingshang demo` loads it.")
    return cities


def _list_logins(settings: Settings) -> None:
    for city in _demo_cities(settings):
        typer.echo(f"{city.name}")
        for listed in (*city.staff, *city.enterprises):
            typer.echo(f"  {listed.login:<48} {listed.name}")
        if city.more:
            typer.echo(f"  … and {city.more:,} more enterprises")


@app.command()
def migrate(
    direction: Annotated[Direction, typer.Argument(help="up: to the newest; down: take everything away.")] = (
        Direction.UP
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Go down without asking; all data are lost.")] = False,
) -> None:
    """Bring the database to the newest revision, check it, or take everything away."""
    settings = get_settings()
    if direction is Direction.UP:
        typer.echo(f"The database is at {migrating.migrate(settings)}.")
    elif direction is Direction.CHECK:
        found = asyncio.run(operations.check_schema(_admin_url(settings)))
        for line in found:
            typer.echo(line)
        if found:
            raise typer.Exit(1)
        typer.echo("The database is at the newest revision, and everything in it is as the migrations make it.")
    else:
        if not yes:
            typer.confirm("This deletes every city, ticket and user of the database. Go on?", abort=True)
        migrating.downgrade(_admin_url(settings))
        typer.echo("The database is empty.")


@app.command()
def doctor() -> None:
    """Look over everything the program stands on, and say what to do about what is wrong."""
    findings = asyncio.run(examine(get_settings()))
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.says}")
        if finding.do:
            typer.echo(f"      {finding.do}")
    wrong = sum(not finding.ok for finding in findings)
    if wrong:
        typer.echo(f"{wrong} of {len(findings)} are wrong.", err=True)
        raise typer.Exit(1)


@app.command()
def token(
    user: Annotated[str, typer.Option("--user", help="The login: `<role>@<tenant path>` in the demonstration.")],
    hours: Annotated[int, typer.Option(min=1, max=8_760, help="How long it is valid.")] = DEMO_TOKEN_HOURS,
) -> None:
    """Print a token for a user, and nothing else."""
    settings = get_settings()
    issued = asyncio.run(
        operations.issue_tokens(
            settings,
            database_urls(settings).application,
            [user],
            now=SystemClock().now(),
            lifetime=timedelta(hours=hours),
        )
    )
    typer.echo(issued[user])


@app.command()
def schema(
    task: Annotated[SchemaTask, typer.Argument(help="print it, or check schema/schema.graphql against it.")],
) -> None:
    """The GraphQL schema that the code makes."""
    from schema.schema import SDL_FILE, sdl  # takes its time, and the other commands need not wait for it

    made = sdl()
    if task is SchemaTask.PRINT:
        typer.echo(made, nl=False)
    elif not SDL_FILE.exists() or SDL_FILE.read_text(encoding="utf-8") != made:
        raise Refused(
            f"{SDL_FILE.name} is not what the code makes. If the change is meant: `yingshang schema print > {SDL_FILE}`"
        )
    else:
        typer.echo(f"{SDL_FILE.name} is what the code makes.")


@database_commands.command("start")
def database_start() -> None:
    """Start it, and print its URL."""
    settings = _embedded_settings()
    embedded.start(settings.postgres_dir)
    typer.echo(embedded.url(settings.postgres_dir, database=embedded.DATABASE))


@database_commands.command("stop")
def database_stop() -> None:
    """Stop it in order; the data stay."""
    stopped = embedded.stop(_embedded_settings().postgres_dir)
    typer.echo("Stopped." if stopped else "It was not running.")


@database_commands.command("url")
def database_url() -> None:
    """Print the administrator's URL of the running server."""
    typer.echo(embedded.url(_embedded_settings().postgres_dir, database=embedded.DATABASE))


@tenant_commands.command("create")
def tenant_create(
    preset: Annotated[str, typer.Option(help="The preset that describes the city.")],
    slug: Annotated[str | None, typer.Option(help="Its path, when not the preset's own.")] = None,
    region: Annotated[str | None, typer.Option(help="The region it lies in, when not the preset's own.")] = None,
) -> None:
    """Make a city or a region from a preset. What is there already is left as it is."""
    application_url = database_urls(get_settings()).application
    path, version = asyncio.run(
        operations.create_city(application_url, preset, slug=slug, region=region, now=SystemClock().now())
    )
    typer.echo(f"{path} is there, with version {version} of its scheme.")


@tenant_commands.command("list")
def tenant_list() -> None:
    """List every city, how much is below it, and its scheme."""
    for line in asyncio.run(operations.listed_tenants(database_urls(get_settings()).application)):
        typer.echo(line)


@ticket_commands.command("reindex")
def tickets_reindex() -> None:
    """Sign the tickets that likely duplicates are not yet found among: those older than this version's signatures."""
    for city, signed in asyncio.run(operations.sign_tickets(_admin_url(get_settings()))).items():
        typer.echo(f"{city}: {signed:,} tickets signed")


@import_commands.command("calendar")
def import_calendar(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (UTF-8, GB18030) or Excel.")],
    note: Annotated[str | None, typer.Option(help="Why it is published.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Who publishes it: a platform operator's login.")] = None,
) -> None:
    """Publish the state's holidays and make-up days for every city, and work out all open deadlines anew.

    The columns are 日期, 是否上班 (上班 or 休息), 名称 and perhaps 来源; a row for each day unlike its weekday.
    A year is imported whole, and its 1 January shows that it is; days of the December before are added to that year.
    Nothing is published when any row is wrong; the same days again change nothing.
    """
    settings = get_settings()
    now = SystemClock().now()
    url = database_urls(settings).application
    read, version, published = asyncio.run(operations.import_calendar(url, file, note=note, login=user, now=now))
    if read.ignored:
        typer.echo(f"Not read: {', '.join(read.ignored)}")
    for line in operations.told_of_cells(read.problems):
        typer.echo(line)
    if read.problems:
        raise Refused(f"{rows_of(read.problems):,} rows are wrong; nothing was published.")
    if not read.days:
        raise Refused("The file has no days; nothing was published.")
    years = ", ".join(map(str, read.years))
    stands = "is in force" if published else "has these days already"
    typer.echo(f"Version {version} of the calendar {stands}: {years}.")
    for city, (looked_at, moved) in asyncio.run(operations.move_all_deadlines(url, now=now)).items():
        typer.echo(f"{city}: {len(moved):,} of {looked_at:,} open deadlines moved")
        for each in moved:
            typer.echo(f"  {each.what} {each.kind}: {each.before:%Y-%m-%d %H:%M} → {each.after:%Y-%m-%d %H:%M} (UTC)")


@import_commands.command("responsibility")
def import_responsibility(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (UTF-8, GB18030) or Excel.")],
    city: Annotated[str, typer.Option(help="The city's path.")],
    note: Annotated[str | None, typer.Option(help="Why it is published.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Publish the good rows without the bad ones.")] = False,
) -> None:
    """Publish a city's responsibility list from a spreadsheet: the whole list, as its next version.

    Nothing is published when any row is wrong; the same list again changes nothing.
    """
    read, version, published = asyncio.run(
        operations.import_responsibility(
            database_urls(get_settings()).application,
            file,
            city=city,
            note=note,
            skip_bad=skip_bad,
            now=SystemClock().now(),
        )
    )
    if read.ignored:
        typer.echo(f"Not read: {', '.join(read.ignored)}")
    for line in operations.told_of_cells(read.problems):
        typer.echo(line)
    if not published and read.problems and not skip_bad:
        raise Refused(f"{rows_of(read.problems):,} rows are wrong; nothing was published. --skip-bad leaves them out.")
    typer.echo(
        f"{city}: version {version} with {len(read.drafts):,} subjects is in force."
        if published
        else f"{city}: version {version} is this list already."
    )


@import_commands.command("tickets")
def import_tickets(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (UTF-8, GB18030) or Excel.")],
    city: Annotated[str, typer.Option(help="The city's path.")],
    user: Annotated[str, typer.Option("--user", help="Who vouches for it: the login of an intake agent there.")],
    mapping: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="YAML: platform, channel, the file's own headings and words."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and store nothing.")] = False,
) -> None:
    """Load the tickets of another platform, such as an export of the 12345 hotline.

    Loading again changes nothing; what has since ended on that platform goes on. Rows that cannot be taken in are in
    FILE.report.csv: correct them and load the file again.
    """
    settings = get_settings()
    with _progress_bar() as bar:
        tasks: list[TaskID] = []

        def announce(sheet: Sheet, rows: int) -> None:
            for name, heading in sheet.headings.items():
                bar.console.print(f"  {heading} → {name}", highlight=False)
            if sheet.ignored:
                bar.console.print(f"  not read: {', '.join(sheet.ignored)}", highlight=False)
            tasks.append(bar.add_task("tickets", total=rows))

        tally, report = asyncio.run(
            operations.import_tickets(
                settings,
                database_urls(settings).application,
                file,
                city=city,
                login=user,
                mapping_file=mapping,
                dry_run=dry_run,
                now=SystemClock().now(),
                announce=announce,
                progress=lambda tally: bar.update(tasks[0], completed=tally.rows),
            )
        )
    typer.echo(
        f"{tally.added:,} added, {tally.updated:,} gone on, {tally.unchanged:,} there already,"
        f" {tally.refused:,} refused" + (" (nothing was stored)" if dry_run else "")
    )
    if report is not None:
        typer.echo(f"What is to be said of rows is in {report}.")
    if tally.refused:
        raise typer.Exit(1)


@file_commands.command("sweep")
def files_sweep() -> None:
    """Delete what the cities' schemes say is over: expired uploads, and attachments past their retention."""
    settings = get_settings()
    application_url = database_urls(settings).application
    swept = asyncio.run(operations.sweep_all_files(settings, application_url, now=SystemClock().now()))
    for path, each in swept:
        if each.uploads or each.attachments or each.strays:
            typer.echo(f"{path}: {each.uploads} uploads, {each.attachments} attachments, {each.strays} stray files")
    typer.echo(f"{len(swept)} cities swept.")


def _embedded_settings() -> Settings:
    settings = get_settings()
    if not settings.embedded:
        raise Refused("DATABASE_URL is set: this is about the server that comes with the program, which is not used.")
    return settings


def _admin_url(settings: Settings) -> str:
    try:
        return migrating.admin_url(settings)
    except ValueError as error:
        raise Refused(str(error)) from error


def run(arguments: Sequence[str] | None = None) -> int:
    """The whole command line; returns the exit code: 0, 1 for what failed, 2 for a command that was typed wrong."""
    try:
        app(args=arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except (
        Refused,
        InvalidInput,
        UnusableKey,
        ValidationError,
        PostgresError,
        InterfaceError,
        embedded.EmbeddedServerError,
        OSError,
    ) as error:
        return _fail(_in_plain_words(error))
    return 0


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # names are Chinese, terminals not always
    sys.exit(run())


def _fail(message: str) -> int:
    typer.echo(message, err=True)
    return 1


def _in_plain_words(error: Exception) -> str:
    match error:
        case UndefinedTableError() | UndefinedFunctionError() | InvalidCatalogNameError():
            return "The database is not set up yet. `yingshang migrate` does it."
        case InvalidAuthorizationSpecificationError():
            return f"The database refused the login: {error}"
        case PostgresError():
            return f"The database refused: {error}"
        case InterfaceError():
            return f"The database's URL cannot be used: {error}"
        case SchemeProblems():
            return f"The scheme is wrong:\n{error}"
        case InvalidInput():
            return f"{error.field}: {error.rule.replace('_', ' ')}{_told(error)}"
        case UnusableKey():
            return f"YINGSHANG_SIGNING_KEY cannot be used: {error}."
        case ValidationError():
            wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False))
            return "The settings are wrong:\n" + "\n".join(wrong)
        case ConnectionError() | TimeoutError() | gaierror():
            return f"The database cannot be reached: {error}"
        case _:
            return str(error)


def _told(error: InvalidInput) -> str:
    told = {
        key: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for key, value in error.data.items()
        if key != "rule"
    }
    return "".join(f"; {key}: {value}" for key, value in told.items())


if __name__ == "__main__":
    main()
