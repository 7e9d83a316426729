"""设置: everything an operator may set, read from TONGBAN_* variables. Secrets come from variables or files only."""

import os
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.identifiers import DivisionCode

_ROOT = Path(__file__).resolve().parent.parent


class BackOffice(StrEnum):
    """本市业务系统: where cases that others collect for our city are worked."""

    CONSOLE = "console"
    """Officers work them here (/v1/inbound)."""
    ADAPTER = "adapter"
    """They are handed to the system that our own city's profile describes."""


class Settings(BaseSettings):
    """网关设置. Times end in _s (seconds), sizes in _bytes."""

    model_config = SettingsConfigDict(env_prefix="TONGBAN_", frozen=True, extra="ignore")

    city: DivisionCode = "445200"
    """Our own city."""
    back_office: BackOffice = BackOffice.CONSOLE
    """Where 对方来件 are worked."""
    data_dir: Path = Path("data")
    """Database (SQLite), files and keys live here."""
    database_url: str | None = None
    """postgresql://… ; absent = SQLite in data_dir."""
    seeds_dir: Path = _ROOT / "seeds"
    profiles_dir: Path | None = None
    """City profiles; absent = seeds_dir/cities."""
    keys_dir: Path | None = None
    """Signing keys; absent = data_dir/keys. Replicas share one folder."""
    pdf_font: Path | None = None
    """A TrueType font (.ttf or .ttc) put into the PDF of packets; absent = the reader's own Chinese font."""
    licence_sources_dir: Path | None = None
    """证照来源: one YAML file for each office that hands out licences; absent = seeds_dir/licence_sources."""
    trust_refresh_s: Annotated[float, Field(ge=0)] = 6 * 3600.0
    """How often revocation and status lists are fetched; 0 = never by itself."""
    licence_reuse_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """How long a passed check may stand in for one that a missing list leaves open."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    node: str | None = None
    """Name of this process's place: a restarted process of the same node resumes its own messages at once.

    Absent: host name and data folder. Processes that share both need a name each.
    """
    lease_s: Annotated[float, Field(gt=0)] = 10.0
    """How long after its last sign of life a process's messages may be taken over."""
    sweep_s: Annotated[float, Field(gt=0)] = 0.5
    """How often retries, orphans and overflow are looked for."""
    grace_s: Annotated[float, Field(ge=0)] = 20.0
    """How long SIGTERM lets what is in flight finish."""
    lane_capacity: Annotated[int, Field(ge=1)] = 2000
    """Messages held in memory per city; more stay in the database until there is room."""
    retry_delays_s: tuple[float, ...] | None = None
    """Overrides the retry schedule; for tests and drills."""
    breaker_failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that open a city's breaker."""
    breaker_open_s: Annotated[float, Field(gt=0)] = 5.0
    """First pause of an open breaker; doubles up to two minutes."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024
    max_file_bytes: Annotated[int, Field(ge=1024)] = 30 * 1024 * 1024
    reconcile_at: time | None = time(2, 30)
    """对账时刻: Beijing time at which yesterday is compared with every city; empty = never by itself."""
    reconcile_days: Annotated[int, Field(ge=1, le=366)] = 30
    """How far back days with open cases are compared again."""
    reconcile_overdue_h: Annotated[float, Field(gt=0)] = 24.0
    """How long a case may wait here, or a supplement stay without effect, before that is a finding."""
    lanes: bool = True
    """Off: accept and store only; the outbox waits."""
    signing_process: bool = False
    """Sign receipts of larger groups in a process of their own; `tongban serve` turns it on."""
    log_json: bool | None = None
    """Absent: JSON unless stderr is a terminal."""

    @field_validator(
        "database_url", "keys_dir", "profiles_dir", "pdf_font", "reconcile_at", "licence_sources_dir", mode="before"
    )
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def profiles(self) -> Path:
        """Where city profiles are."""
        return self.profiles_dir or self.seeds_dir / "cities"

    @property
    def licence_sources(self) -> Path:
        """Where the offices that hand out licences are described."""
        return self.licence_sources_dir or self.seeds_dir / "licence_sources"

    @property
    def keys(self) -> Path:
        """Where signing keys are."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def node_name(self) -> str:
        """`node`, or what stands in for it."""
        return self.node or f"{os.uname().nodename}:{self.data_dir.resolve()}"

    @property
    def sqlite_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "tongban.sqlite3"

    @property
    def synchronous_url(self) -> str:
        """The database for SQLAlchemy (migrations only)."""
        return self.database_url or f"sqlite:///{self.sqlite_path}"


def secret(name: str) -> str:
    """A secret by its name in a profile, e.g. `441300.tif_token`; KeyError where it is not configured.

    Looked up as TONGBAN_SECRET_441300_TIF_TOKEN, then as a file of that name in TONGBAN_SECRETS_DIR; read on every
    use, so that rotating one needs no restart.
    """
    variable = "TONGBAN_SECRET_" + name.upper().replace(".", "_").replace("-", "_")
    if variable in os.environ:
        return os.environ[variable]
    folder = os.environ.get("TONGBAN_SECRETS_DIR")
    if folder is not None and (path := Path(folder) / name).is_file():
        return path.read_text().strip()
    raise KeyError(name)
