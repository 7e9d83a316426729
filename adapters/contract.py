"""适配器契约: what every way of talking to a city must do; judged by tests/adapters/test_contract.py.

An adapter translates and transports. It has no queue, no retry, no routing and no keys of its own: secrets, the
clock and the files are handed to it. `deliver` may be called again with the same `message_id`; whether that is
allowed after an unclear answer is the profile's `duplicates`, decided by the gateway, not here.

Errors, all from schemas.errors:
  PartnerUnavailable  nothing was booked, send the same message again later
  PartnerAmbiguous    sent, but whether it was booked is not known
  PartnerRefused      a business reason; sending again will not help
  PartnerProtocol     an answer the profile does not describe; a person must look
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from schemas.application import StoredFile
from schemas.message import Acknowledgement, FollowUp, ListedCase, OutboundMessage, ProgressReport, RemoteFile
from schemas.reconciliation import CaseDigest

if TYPE_CHECKING:
    from adapters.profile import CityProfile


class FileSource(Protocol):
    """文件来源: gives the bytes of a stored file in chunks, without holding the whole of it."""

    def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Chunks of at most 256 KiB, in order."""
        ...


class RequestSigner(Protocol):
    """请求签名: the gateway's own key, ES256, for what is signed on the way to a peer."""

    @property
    def kid(self) -> str:
        """The key's number, as /.well-known/jwks.json shows it."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The raw signature r ‖ s, 64 bytes (RFC 7518 §3.4)."""
        ...


class Tray(Protocol):
    """待取件: what is left, durably, for a city that cannot be called: it fetches it, or a person carries it."""

    async def reserve(self, city: str, message_id: str, application_id: str, kind: str) -> int:
        """The message's number in this city's tray, from 1; the same message always gets the same number."""
        ...

    async def put(self, message_id: str, body: bytes, packet: bytes | AsyncIterator[bytes] | None = None) -> None:
        """Leave a reserved message: its JSON and, for a person, a zip of documents. A second time changes nothing."""
        ...

    async def holds(self, message_id: str) -> bool:
        """Whether the message was left, taken since or not."""
        ...

    async def leave(self, city: str, message_id: str, application_id: str, kind: str, body: bytes) -> int:
        """Number and leave a message at once; whoever reads on by numbers misses none. Twice changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What an adapter needs from above.

    `secret` maps a name used in the profile to its value and raises KeyError for one that is not configured;
    it is asked on every use, so that a rotated secret needs no restart.
    `nonce` gives a fresh random token. `signer` gives the key that signs now; `tray` keeps what cannot be sent.
    Both are None only where no adapter in use needs them. `city` is our own division code.
    """

    now: Callable[[], datetime]
    secret: Callable[[str], str]
    nonce: Callable[[], str]
    signer: Callable[[], RequestSigner] | None = None
    tray: Tray | None = None
    city: str = "445200"
    pdf_font: Path | None = None
    """A TrueType font for what is printed; absent = the reader's own Chinese font."""
    files: FileSource | None = None
    """Stored files, for result files that go with progress to a peer that cannot fetch them."""


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A partner's call to /v1/callbacks/{city} as it came: header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Callback:
    """An authenticated callback. The gateway stores `nonce` until `expires_at` and refuses it a second time."""

    nonce: str
    expires_at: datetime
    reports: tuple[ProgressReport, ...]
    reply: Mapping[str, Any] | None = None
    """What to answer once it is stored; None = what `callback_reply` says."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one poll brought. `cursor` is stored with the reports; `token` goes back to `acknowledge` after that."""

    reports: tuple[ProgressReport, ...]
    cursor: str | None = None
    token: Any = None
    more: bool = False
    """Whether the partner has more right now."""
    unreadable: tuple[bytes, ...] = ()
    """Rows, as JSON, in which not even the case or the time can be read; to be kept for a person."""


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """留件: a message a peer has left for us because it cannot call us. `number` rises in its tray."""

    number: int
    message_id: str
    kind: str
    body: bytes
    """The message as JSON."""


@runtime_checkable
class MessageSource(Protocol):
    """来件来源: an adapter of a peer that leaves its messages for us to fetch."""

    async def messages(self, after: int) -> tuple[LeftMessage, ...]:
        """A page of what is left for us and not answered yet, in order, after this number."""
        ...

    def bring(self, file: StoredFile) -> AsyncIterator[bytes]:
        """The bytes of a file that belongs to a message, whole and as they were signed."""
        ...

    async def answer(self, message_id: str, answer: bytes) -> None:
        """Tell the peer, as JSON, what became of a message. Telling it again must do no harm."""
        ...


class Adapter(Protocol):
    """城市适配器: one partner city, spoken to in its own way."""

    @property
    def profile(self) -> "CityProfile":
        """The city's profile this adapter was built from."""
        ...

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Hand the application and its files to the partner; return once the partner has it durably."""
        ...

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Hand a supplement or a withdrawal to the partner, which has the application already.

        May be called again with the same `message_id`. PartnerProtocol where the profile has no such operation: a
        person must tell the city.
        """
        ...

    async def report(self, report: ProgressReport) -> None:
        """Tell the collecting city what happened here to a case it handed in. Telling it again must do no harm.

        Called only where `reports_back` of the profile is true.
        """
        ...

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        """对账: every case of ours the city has from that Beijing day, by the day it took it.

        PartnerProtocol where the profile has no such operation.
        """
        ...

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        """Ask whether the partner already has this message; None = it answered that it has not.

        PartnerUnavailable when it cannot be asked now. Called only where `duplicates` is query_first.
        """
        ...

    async def collect(self, cursor: str | None) -> Collected:
        """Poll for progress since `cursor`. Called only where the profile has a `collection` section."""
        ...

    async def acknowledge(self, collected: Collected) -> None:
        """Tell the partner that what was collected is stored here. Repeating it must do no harm."""
        ...

    def fetch(self, file: RemoteFile) -> AsyncIterator[bytes]:
        """The bytes of a result file, in chunks. Digests are compared by the gateway."""
        ...

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Authenticate and translate a callback. Pure but for the clock.

        Unauthenticated for a wrong signature or a stale time; Malformed or Invalid for a body that cannot be read.
        """
        ...

    def callback_reply(self) -> Mapping[str, Any]:
        """The JSON body the partner expects for a callback that was taken."""
        ...

    async def probe(self) -> None:
        """Raise PartnerUnavailable unless the partner answers."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class DigestExchange(Protocol):
    """摘要对账: what an adapter has besides, where its city can compare a day's cases without listing them all."""

    async def digest(self, day: date) -> CaseDigest | None:
        """The city's digest of the cases we collected for it on this Beijing day; None where it offers none."""
        ...

    async def listing_part(self, day: date, buckets: Collection[int]) -> tuple[ListedCase, ...]:
        """Those of the day's cases that are in these buckets (0 to 15)."""
        ...
