"""SFTP批量接口: what a profile may say about batches of files that two sides leave for each other; data only."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.operations import Code, Expression, ListingMap, SecretName, Tree
from schemas.model import Model

Folder = Annotated[str, StringConstraints(pattern=r"^/?[A-Za-z0-9_\-]+(/[A-Za-z0-9_\-]+)*$", max_length=200)]
"""目录 on the city's server: absolute, or from the folder in which a login starts."""
Ending = Annotated[str, StringConstraints(pattern=r"^\.[A-Za-z0-9_.\-]{1,40}$")]
"""文件名结尾, the dot included."""
HostKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(SHA256:[A-Za-z0-9+/]{43}|(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2})$"
    ),
]
"""主机密钥: a fingerprint, or type and key as in the last two parts of a known_hosts line."""
Charset = Literal["gb18030", "utf-8", "utf-8-sig"]
APPLICATIONS, FOLLOW_UPS, ATTACHMENTS = "applications", "follow_ups", "attachments"
"""文件角色 in a batch."""


class Login(Model):
    """登录: secrets by name. With both a key and a password, the key is tried first."""

    user: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
    private_key: SecretName | None = None
    """OpenSSH or PEM text."""
    passphrase: SecretName | None = None
    password: SecretName | None = None

    @model_validator(mode="after")
    def _has_something_to_show(self) -> Self:
        if self.private_key is None and self.password is None:
            raise ValueError("登录需要private_key或password / a login needs private_key or password")
        if self.passphrase is not None and self.private_key is None:
            raise ValueError("passphrase属于private_key / a passphrase belongs to a private_key")
        return self


class Window(Model):
    """收拢: which messages go out together. Nobody waits longer than `every_s` for the others."""

    every_s: Annotated[float, Field(gt=0, le=7000)] = 3600
    """From the first message of a batch to its leaving."""
    retry_s: Annotated[float, Field(gt=0, le=600)] = 5
    """The same for messages whose batch has failed: their window has passed already."""
    max_cases: Annotated[int, Field(ge=1, le=20_000)] = 10_000
    max_bytes: Annotated[int, Field(ge=1024**2, le=8 * 1024**3)] = 2 * 1024**3
    """Rows and attachments; a batch that reaches either limit leaves at once."""


class Table(Model):
    """表: how a CSV file is written, after RFC 4180: quotes where needed, CRLF, a header line."""

    charset: Charset = "gb18030"
    delimiter: Literal[",", ";", "|", "\t"] = ","


class Document(Model):
    """清单写法."""

    ending: Ending
    format: Literal["json", "xml"]
    charset: Charset = "utf-8"
    lists: tuple[Annotated[str, StringConstraints(pattern=r"^[^\W\d][\w.\-]{0,99}$")], ...] = ()
    """XML elements that are a list even when there is one."""


class Applications(Table):
    """申报表: one row per message."""

    ending: Ending = ".csv"
    columns: Annotated[dict[str, Expression], Field(min_length=1)]
    """Column → value, in this order; input is the message's words, each material's `uploaded` its name in the zip."""


class FollowUps(Applications):
    """后续表, for 补正 and 撤回: one row per message; it is there even when it has none.

    The city reads it after the applications of the same batch.
    """

    ending: Ending = ".follow.csv"


class Attachments(Model):
    """附件包: a zip with every file once; it is there even when it is empty."""

    ending: Ending = ".zip"
    entry: Expression = "file.file_id"
    """The name of a file in the zip; input is the message's words and `file`."""


class Manifest(Document):
    """我方清单, placed last: with it a batch is in the city's hands.

    Input of `body`: `batch`, `now`, `cases` (applications) and `follow_ups`, numbers, and `files`, a list of
    {role, name, size_bytes, sm3, sha256, count} with the roles `applications`, `follow_ups` and `attachments`.
    """

    body: Tree


class Outgoing(Model):
    """去向 of a batch. Input of `number`: `digest`, 24 hex digits over the message ids; `received_at` of the first."""

    folder: Folder
    temporary: Ending = ".part"
    """Added to a name until the file is whole."""
    records: Folder | None = None
    """A folder of ours on the city's server, which it leaves alone: which messages went in which batch."""
    keep_days: Annotated[int, Field(ge=3, le=400)] = 60
    """How long records are kept; longer than a message may wait for a person."""
    number: Expression
    applications: Applications
    follow_ups: FollowUps | None = None
    attachments: Attachments = Attachments()
    manifest: Manifest

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        endings = [part.ending for part in self.parts]
        whole = [*endings, *(ending + self.temporary for ending in endings)]
        if len(set(whole)) != len(whole):
            raise ValueError("批次文件的名称相同 / two files of a batch have the same name")
        return self

    @property
    def tables(self) -> dict[str, Applications]:
        """The tables of a batch by their roles."""
        found: dict[str, Applications] = {APPLICATIONS: self.applications}
        return found if self.follow_ups is None else found | {FOLLOW_UPS: self.follow_ups}

    @property
    def parts(self) -> tuple[Manifest | Applications | Attachments, ...]:
        """The files of a batch, the manifest first."""
        return (self.manifest, *self.tables.values(), self.attachments)


class Announced(Document):
    """对方清单: which of its files belong together."""

    files: Expression
    """A list of {kind, name, size_bytes, sm3, sha256}; one of the two digests must be there."""


class Incoming(Model):
    """来向: what the city leaves for us. `sources` says which `reports` entry reads the rows of which kind of file.

    A file of another kind is held against its digest and moved with the others; result files are such.
    """

    folder: Folder
    done: Folder
    """Where files go once we have stored what they say."""
    manifest: Announced
    table: Table = Table()
    sources: Annotated[dict[Code, str], Field(min_length=1)]
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Rows in one poll."""
    max_table_bytes: Annotated[int, Field(ge=1024, le=256 * 1024**2)] = 32 * 1024**2
    incomplete_s: Annotated[float, Field(gt=0, le=7 * 86_400)] = 3600
    """Files that are not whole after this time are put before a person; until then they are left alone."""

    @model_validator(mode="after")
    def _done_is_elsewhere(self) -> Self:
        if self.done == self.folder:
            raise ValueError("done应为另一个目录 / done must be another folder")
        return self


class ListingFile(Model):
    """对账文件: the city's list of the cases it took on one day; input of the names as in adapters/listing.py."""

    folder: Folder
    name: Expression
    sm3: Expression | None = None
    """Name of a second file that holds the first one's SM3 in hexadecimal: one that is still written is then told."""
    table: Table = Table()
    max_bytes: Annotated[int, Field(ge=1024, le=256 * 1024**2)] = 32 * 1024**2
    case: ListingMap


class SftpOperations(Model):
    """SFTP批量接口."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:\-]{0,252}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    login: Login
    host_keys: Annotated[tuple[HostKey, ...], Field(min_length=1)]
    """Several while the city changes its key; any other is refused."""
    answer_s: Annotated[float, Field(gt=0, le=300)] = 30
    """One answer of the server, or one block of a file."""
    window: Window = Window()
    outgoing: Outgoing
    incoming: Incoming
    listing: ListingFile | None = None
    """对账."""

    @property
    def query(self) -> str | None:
        """Where a message is looked up, if anywhere."""
        return self.outgoing.records

    def check_limits(self, timeout_s: float) -> None:
        """ValueError where one delivery has no time left after the window."""
        if timeout_s <= self.window.every_s:
            raise ValueError("limits.timeout_s应大于window.every_s / limits.timeout_s must exceed window.every_s")
