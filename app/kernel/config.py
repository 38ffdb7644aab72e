"""The settings of a process, read once from the environment; nothing else reads it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.kernel.secrets import kept_secret, new_password, new_signing_key


class Limits(BaseModel):
    """What one request, one socket and one process may ask for at most.

    Each process counts for itself and knows nothing of the others: with `workers`, and with several servers, what is
    said of sockets, of a person and of replays is allowed once in each of them.

    Environment: `YINGSHANG_LIMITS__DEPTH=15` and so on. `repeats`: how often one response path may be asked for.
    `rows`: how many rows one operation may take, its page sizes multiplied (`schema.reader.rows`); fifty tickets with
    ten events of five objects each take 3,000. `tables`: how many places of it may ask for an object, a list, a count.
    `answer_bytes`: of one answer's JSON, and of one event's; the database stops making what gets larger.
    `ws_queue` and `ws_queue_bytes`: what may wait for a slow client of a stream (socket or event stream) before it is
    closed; `stall_seconds`: how long its replay waits for it, and the machine for a client that takes nothing at all.
    `ws_messages`: frames that one socket may send within ten seconds. `sockets`: open sockets and event streams
    together; `sockets_per_user`: those of one person, in each process.
    `replay_events`: how far behind a cursor may be; `concurrent_replays`: replays that read the database at a time.
    """

    depth: int = 15
    aliases: int = 50
    definitions: int = 30
    fields: int = 1_000
    repeats: int = 30
    directives: int = 50
    tokens: int = 5_000
    rows: int = 20_000
    tables: int = 200
    answer_bytes: int = 16_777_216
    body_bytes: int = 1_048_576
    page_size: int = 100
    bulk_items: int = 1_000
    ws_message_bytes: int = 65_536
    ws_messages: int = 2_000
    ws_operations: int = 50
    ws_queue: int = 256
    ws_queue_bytes: int = 1_048_576
    ws_init_seconds: float = 10.0
    stall_seconds: float = 30.0
    sockets: int = 10_000
    sockets_per_user: int = 100
    live_groups_per_user: int = 20
    replay_events: int = 10_000
    concurrent_replays: int = 4
    live_poll_seconds: float = 5.0
    heartbeat_seconds: float = 15.0


class S3(BaseModel):
    """A bucket of an S3-compatible service. Environment: `YINGSHANG_FILES__S3__BUCKET=…` and so on."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"
    prefix: str = ""


class Files(BaseModel):
    """Where attachments lie and how they come in. Environment: `YINGSHANG_FILES__SCAN_COMMAND=…` and so on.

    What a city takes is its scheme's; these are the machine's. `scan_command`: run with the path of each file behind
    it, ends with 0 for a clean file and 1 for an infected one. `form_bytes`: the largest multipart request; what is
    larger comes by a resumable upload. `pending_uploads`: of one person, not yet attached. `s3`: a bucket instead of
    `Settings.files_dir`, which then holds only what is still coming in; several servers share that folder.
    """

    scan_command: str | None = None
    scan_seconds: float = 60.0
    form_bytes: int = 33_554_432
    pending_uploads: int = 20
    s3: S3 | None = None


class Settings(BaseSettings):
    """Where things are and how much of them there may be. Environment: `YINGSHANG_<NAME>`, and `DATABASE_URL`.

    Without `database_url` the program runs the PostgreSQL that it brings, under `data_dir`.
    """

    model_config = SettingsConfigDict(
        env_prefix="YINGSHANG_", env_nested_delimiter="__", extra="ignore", frozen=True, populate_by_name=True
    )

    data_dir: Path = Path(".yingshang")
    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "YINGSHANG_DATABASE_URL")
    )
    """The administrator's login: makes roles and database, migrates, loads. PostgreSQL 15 or newer."""
    app_database_url: str | None = None
    """The application role's login, for servers that should not hold the administrator's."""
    database_password: str | None = None
    """The password of `yingshang_app` on an external server; made and kept under `secrets_dir` when unset."""
    signing_key: str | None = None
    """The Ed25519 key that signs tokens: a JWK or PEM, or the path of a file with one."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    worker: bool = True
    """Whether the processes that serve also do what is due by itself; else `yingshang worker` must run somewhere."""

    pool_size: int = 10
    """Connections of each of a process's three pools at most (reading, writing, live)."""
    statement_timeout_ms: int = 10_000

    limits: Limits = Limits()
    files: Files = Files()

    allowed_origins: tuple[str, ...] = ()
    """Origins (`https://portal.example.gov.cn`) whose pages may call the API from a browser, besides its own."""
    ide: bool = True
    """Whether `/graphql` opened in a browser shows the IDE."""

    @property
    def postgres_dir(self) -> Path:
        """The embedded server's data. Opened for its own system user, so nothing secret is kept in it."""
        return self.data_dir.expanduser().resolve() / "postgres"

    @property
    def secrets_dir(self) -> Path:
        """Secrets that this machine made: files of mode 0600 in a folder of mode 0700."""
        return self.data_dir.expanduser().resolve() / "secrets"

    @property
    def files_dir(self) -> Path:
        """Attachments, and what is still coming in: files of mode 0600 in folders of mode 0700."""
        return self.data_dir.expanduser().resolve() / "files"

    @property
    def embedded(self) -> bool:
        """Whether the program runs its own PostgreSQL."""
        return self.database_url is None and self.app_database_url is None

    @property
    def signing_key_generated(self) -> bool:
        """Whether tokens are signed with a key this machine made for itself: fine on a laptop, not on a network."""
        return self.signing_key is None

    def signing_key_text(self) -> str:
        """The signing key's JWK or PEM, made on first use when none is set. Raises OSError for an unreadable file."""
        if self.signing_key is None:
            return kept_secret(self.secrets_dir / "signing-key.json", new_signing_key)
        if self.signing_key.lstrip().startswith(("{", "-----")):
            return self.signing_key
        return Path(self.signing_key).expanduser().read_text()

    def application_password(self) -> str:
        """The password of `yingshang_app` on an external server."""
        if self.database_password is not None:
            return self.database_password
        return kept_secret(self.secrets_dir / "database-password", new_password)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
