"""同类网关: the peers of this gateway: whose key signed, whether a nonce is new, and how their cases are taken here.

Used by the endpoints peers call and by the job that fetches what they leave, so that both take a case the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.contract import AdapterContext, RequestSigner
from adapters.peer_keys import PeerKeys, UnusableKeys
from adapters.peer_operations import Delivery
from adapters.profile import CityProfile
from gateway.evidence.chain import milliseconds
from gateway.storage import peers
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.group_commit import GroupCommit
from gateway.storage.intake import Intake, Taken
from gateway.usecases.submit_application import IntakeContext
from gateway.usecases.take_peer_message import FromPeer, prepare_application, taken_before
from schemas.errors import CrossCityError, IdempotencyMismatch, RequestError

log = structlog.get_logger()
_PURGE_EVERY_MS = 30_000


@dataclass(frozen=True, slots=True)
class PeerTools:
    """What taking the cases of peers needs."""

    db: Database
    store: FileStore
    intakes: GroupCommit[Intake, Taken]
    intake_context: Callable[[], IntakeContext]
    owner: Callable[[], str]
    carries: Callable[[str], bool]
    """Whether messages go to a city by a lane."""
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    poke: Callable[[], None]
    count: Callable[[str], None]
    """Counts what was taken, by direction."""
    max_file_bytes: int


@dataclass(slots=True)
class Peers:
    """Every peer in the profiles."""

    own_city: str
    profiles: Mapping[str, CityProfile]
    context: AdapterContext
    tools: PeerTools
    nonces: GroupCommit[peers.Nonce, bool] = field(init=False)
    _keys: dict[str, PeerKeys] = field(init=False)
    _unusable: set[str] = field(default_factory=set)
    _purged_at_ms: int = 0

    def __post_init__(self) -> None:
        self.nonces = GroupCommit(self._commit_nonces)
        self.profiles = {code: one for code, one in self.profiles.items() if one.peer_gateway is not None}
        self._keys = {
            code: PeerKeys(one.peer_gateway.keys, self.context.secret)
            for code, one in self.profiles.items()
            if one.peer_gateway is not None
        }

    def signer(self) -> RequestSigner:
        """Our own key."""
        assert self.context.signer is not None  # noqa: S101 - a gateway that serves has keys
        return self.context.signer()

    def tolerance_s(self, city: str) -> int:
        """How far this peer's clock may be from ours; 0 for a city that is none, whose key is not found anyway."""
        operations = self.profiles[city].peer_gateway if city in self.profiles else None
        return 0 if operations is None else operations.tolerance_s

    def brings_files(self, city: str) -> bool:
        """Whether the peer brings its result files, because it cannot be asked for them."""
        operations = self.profiles[city].peer_gateway
        return operations is not None and operations.delivery is Delivery.LEFT

    def find_key(self, city: str, kid: str) -> ec.EllipticCurvePublicKey | None:
        """A key of this city's; None where it is no peer, has none of this name, or its keys cannot be read here."""
        if city not in self._keys:
            return None
        try:
            key = self._keys[city].find(kid)
        except (KeyError, UnusableKeys) as error:
            if city not in self._unusable:
                self._unusable.add(city)
                log.warning("peer.keys_unusable", city=city, missing=isinstance(error, KeyError))
            return None
        self._unusable.discard(city)
        return key

    async def _commit_nonces(self, units: Sequence[peers.Nonce]) -> list[bool | Exception]:
        now_ms = milliseconds(self.tools.now())
        purge = now_ms - self._purged_at_ms > _PURGE_EVERY_MS
        if purge:
            self._purged_at_ms = now_ms
        return await peers.commit_nonces(self.tools.db, units, now_ms if purge else None)

    async def take(self, city: str, read: FromPeer) -> Taken:
        """Take an application of this peer; the first answer for one that was taken before. RequestError if refused."""
        tools = self.tools
        try:
            intake = await prepare_application(
                tools.db,
                tools.intake_context(),
                city,
                read,
                message_id=tools.new_id(),
                told=self.profiles[city].reports_back,
                now=tools.now(),
            )
        except RequestError:
            # what was taken once stays taken, even if the agreement has ended since
            if (before := await taken_before(tools.db, city, read)) is None:
                raise
            return before
        try:
            taken = await tools.intakes.put(intake)
        except CrossCityError:
            raise
        except Exception:
            # the case is here under another message: only now is it worth looking
            if (before := await taken_before(tools.db, city, read)) is None:
                raise
            return before
        if not taken.new:
            return _same(taken, read)
        tools.count(intake.case.direction)
        if intake.outbox is not None:
            tools.poke()
        return taken


def _same(taken: Taken, read: FromPeer) -> Taken:
    if (taken.application_id, taken.body_sha256) != (read.application_id, read.body_sha256):
        raise IdempotencyMismatch("This message_id was used with another body.", "该报文编号已用于内容不同的报文。")
    return taken
