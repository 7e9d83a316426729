"""装配: the composition root. Opens everything one gateway process is made of, and owns its clock."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
import uuid_utils

from adapters.contract import Adapter, AdapterContext, RequestSigner
from adapters.profile import CityProfile
from adapters.registry import build_adapters
from adapters.via_rules import served
from gateway.delivery.attempt import Policy, Sendable
from gateway.delivery.breaker import Breaker
from gateway.delivery.collection import Collector
from gateway.delivery.fetching import fetch
from gateway.delivery.fetching_messages import MessageFetcher, source_of
from gateway.delivery.lane import Lane
from gateway.delivery.lease import Lease
from gateway.delivery.outcome import Delivered
from gateway.delivery.peers import Peers, PeerTools
from gateway.delivery.places import Places
from gateway.delivery.reconciling import Reconciler
from gateway.delivery.trying import LaneTools, NotYet
from gateway.delivery.worker import Worker
from gateway.domain.backoff import DEFAULT_DELAYS_S
from gateway.evidence.chain import milliseconds
from gateway.evidence.jws import RawSigner
from gateway.evidence.keys import KeyRing, current_kid, load_keys, new_ring
from gateway.evidence.receipts import ReceiptContent, ReceiptSigner
from gateway.settings import BackOffice, Settings, secret
from gateway.storage import breakers, catalogue, intake, items, outbox
from gateway.storage.catalogue import Catalogue
from gateway.storage.compression import unpack
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.group_commit import GroupCommit
from gateway.storage.locks import lock_folder, lock_node
from gateway.storage.migrate import upgrade
from gateway.storage.outbox import Entry
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase
from gateway.storage.tray import StoredTray
from gateway.telemetry import Metrics
from gateway.usecases import complete_delivery, submit_application
from gateway.usecases.follow_up import load_follow_up
from gateway.usecases.parsing import parse
from gateway.usecases.read_profiles import is_called, read_profiles
from gateway.usecases.reconcile import Reconciling
from gateway.usecases.tell_progress import told_report
from gateway.usecases.window_warnings import WindowWarnings
from schemas.application import Application
from schemas.message import MessageKind, OutboundMessage

log = structlog.get_logger()
_REFRESH_S = 2.0


def now() -> datetime:
    """The gateway's clock."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where time is read


def now_ms() -> int:
    """The gateway's clock in milliseconds."""
    return milliseconds(now())


def new_id() -> str:
    """A UUIDv7 as text: unique, and rising with time."""
    return str(uuid_utils.uuid7())


@dataclass(slots=True)
class Services:
    """Everything a handler or command may need. Handlers reach it through one AppKey."""

    settings: Settings
    db: Database
    store: FileStore
    ring: KeyRing
    profiles: Mapping[str, CityProfile]
    adapters: Mapping[str, Adapter]
    metrics: Metrics
    lease: Lease
    serves: Mapping[str, frozenset[str]] = field(init=False)
    """Profile → the cities its reports may be about."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    warnings: WindowWarnings = field(init=False)
    intakes: GroupCommit[intake.Intake, intake.Taken] = field(init=False)
    completions: GroupCommit[complete_delivery.Completion, bool] = field(init=False)
    starts: GroupCommit[tuple[int, str, str], bool] = field(init=False)
    signer: ReceiptSigner = field(init=False)
    worker: Worker = field(init=False)
    collectors: list[Collector] = field(init=False)
    peers: Peers = field(init=False)
    fetchers: list[MessageFetcher] = field(init=False)
    reconciler: Reconciler = field(init=False)
    ready: bool = False

    def __post_init__(self) -> None:
        self.serves = served(self.profiles)
        self.warnings = WindowWarnings(self.catalogue.items)
        self.intakes = GroupCommit(self._commit_intakes)
        self.completions = GroupCommit(lambda units: complete_delivery.commit_completions(self.db, units))
        self.starts = GroupCommit(lambda units: outbox.commit_starts(self.db, units))
        self.signer = ReceiptSigner(self.ring, self.settings.city, own_process=self.settings.signing_process)

    async def _commit_intakes(self, units: Sequence[intake.Intake]) -> list[intake.Taken | Exception]:
        """Sign the receipts of a group, then write it with them."""
        contents = [
            ReceiptContent(u.case.application_id, u.body_sha256, u.case.caller, u.accepted_at_ms) for u in units
        ]
        return await intake.commit_intakes(self.db, units, await self.signer.sign_all(contents))

    def close_signer(self) -> None:
        """End the signing process, if there is one."""
        self.signer.close()

    def peer_tools(self) -> PeerTools:
        """What taking the cases of peers needs."""
        return PeerTools(
            db=self.db,
            intakes=self.intakes,
            intake_context=self.intake_context,
            new_id=new_id,
            now=now,
            poke=self.worker.poke,
            count=lambda direction: self.metrics.accepted.labels(direction).inc(),
        )

    def intake_context(self) -> submit_application.IntakeContext:
        """What preparing an application needs besides the application."""
        return submit_application.IntakeContext(
            self.settings.city,
            self.catalogue,
            self.warnings,
            self.lease.owner,
            back_office=self.settings.back_office is BackOffice.ADAPTER,
        )

    @property
    def hubs(self) -> frozenset[str]:
        """Profiles through whose interface others are reached."""
        return frozenset(adapter.profile.via for adapter in self.adapters.values() if adapter.profile.via is not None)

    def carries(self, city: str) -> bool:
        """Whether messages go to this city by a lane."""
        return city in self.adapters

    @property
    def told(self) -> frozenset[str]:
        """The cities whose gateways are told what happens here to the cases they collected."""
        return frozenset(code for code, adapter in self.adapters.items() if adapter.profile.reports_back)

    async def load_message(self, entry: Entry) -> Sendable | None:
        """Build a message again from what is stored: after a restart, a wait, or an overflow."""
        if entry.kind == MessageKind.REPORT:
            report = await told_report(self.db, entry.application_id, (entry.content or b"").decode())
            if report is None:
                raise NotYet
            return report
        if entry.kind != MessageKind.SUBMIT:
            return await load_follow_up(self.db, entry.message_id)
        return await self._load_application(entry)

    async def _load_application(self, entry: Entry) -> OutboundMessage | None:
        loaded = await complete_delivery.load_submission(self.db, entry.application_id)
        if loaded is None:
            return None
        case, packed, files = loaded
        application = parse(Application, unpack(packed))
        # what the applicant was told then, whatever the city has published since
        stored = await items.pinned(self.db, case.deciding_city, case.item_code, case.item_revision)
        item = None if stored is None else stored.item()
        return submit_application.outbound_message(application, case, entry.message_id, files, item)

    async def fetch_file(self, adapter: Adapter, entry: Entry) -> Delivered:
        """Bring a result file."""
        return await fetch(adapter, entry, self.store, file_id=new_id(), limit_bytes=self.settings.max_file_bytes)

    async def claim_next(self, application_id: str, city: str) -> Entry | None:
        """Take the next message of a case to a city, whose last one is done."""
        async with self.db.transaction() as tx:
            return await outbox.claim_next(tx, self.lease.owner, application_id, city, now_ms())

    async def save_breaker(self, city: str, breaker: Breaker) -> None:
        """Keep a breaker's state."""
        async with self.db.transaction() as tx:
            await breakers.put(tx, city, breaker.state, breaker.failures, breaker.opened_at_ms, breaker.retry_at_ms)

    async def refresh(self) -> None:
        """Reload catalogue and keys where they have changed."""
        if await catalogue.generation(self.db) != self.catalogue.generation:
            self.catalogue = await catalogue.load(self.db)
            self.warnings = WindowWarnings(self.catalogue.items)
            log.info(
                "catalogue.loaded", generation=self.catalogue.generation, agreements=len(self.catalogue.agreements)
            )
        ring = load_keys(self.settings.keys)
        if ring is not None and ring.kid != self.ring.kid:
            self.signer.close()
            self.ring = ring
            self.signer = ReceiptSigner(ring, self.settings.city, own_process=self.settings.signing_process)
            log.info("keys.rotated", kid=ring.kid)

    async def run(self, stop: asyncio.Event) -> None:
        """Everything in the background, until `stop`; whatever is in flight finishes within the grace time."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            # PostgreSQL takes two groups at once, so that one is prepared while the other is written
            groups = (self.intakes, self.completions, self.starts, self.peers.nonces)
            for commits in groups * (1 if self.db.name == "sqlite" else 2):
                group.create_task(commits.run(), name="group-commit")
            if isinstance(self.db, SqliteDatabase):
                group.create_task(self.db.run_checkpoints(ended), name="checkpoints")
            group.create_task(self._refresh_until(ended), name="refresh")
            group.create_task(self.signer.warm_up(), name="signing-process")
            if self.settings.lanes:
                group.create_task(self.lease.run(ended), name="lease")
                for collector in self.collectors:
                    group.create_task(collector.run(stop), name=f"collect-{collector.adapter.profile.code}")
                group.create_task(self.reconciler.run(stop), name="reconcile")
                for fetcher in self.fetchers:
                    group.create_task(fetcher.run(stop), name=f"messages-{fetcher.city}")
                await self.worker.run(stop, grace_s=self.settings.grace_s)
            await stop.wait()
            self.ready = False
            for commits in groups:
                commits.close()
            ended.set()

    async def _refresh_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(_REFRESH_S):
                    await stop.wait()
            except TimeoutError:
                try:
                    await self.refresh()
                except Exception as error:
                    log.warning("refresh.failed", error=type(error).__name__)


def adapter_context(
    settings: Settings | None = None, tray: StoredTray | None = None, files: FileStore | None = None
) -> AdapterContext:
    """What adapters are handed; commands that speak to no peer and leave nothing need neither argument."""
    return AdapterContext(
        now=now,
        secret=secret,
        nonce=lambda: secrets.token_hex(16),
        signer=None if settings is None else _newest_signer(settings),
        tray=tray,
        city="445200" if settings is None else settings.city,
        pdf_font=None if settings is None else settings.pdf_font,
        files=files,
    )


def _newest_signer(settings: Settings) -> Callable[[], RequestSigner]:
    """Gives the signer of the newest key; the folder's pointer is read each time, the key only after a rotation."""
    held: list[RawSigner] = []

    def newest() -> RequestSigner:
        kid = current_kid(settings.keys)
        if not held or held[0].kid != kid:
            held[:] = [RawSigner(_open_keys(settings))]
        return held[0]

    return newest


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if settings.database_url is None:
        stack.callback(lock_folder(settings.data_dir).close)
    elif settings.lanes:
        stack.callback(lock_node(settings.data_dir, settings.node_name).close)
    await asyncio.to_thread(upgrade, settings.synchronous_url)
    db: Database
    if settings.database_url is None:
        db = SqliteDatabase(settings.sqlite_path)
    else:
        db = await PostgresDatabase.connect(settings.database_url)
    stack.push_async_callback(db.close)
    return db


def _open_keys(settings: Settings) -> KeyRing:
    ring = load_keys(settings.keys)
    if ring is None:
        ring = new_ring(settings.keys)
        log.info("keys.created", kid=ring.kid, folder=str(settings.keys))
    return ring


def _policy(profile: CityProfile, settings: Settings) -> Policy:
    return Policy(
        duplicates=profile.duplicates,
        timeout_s=profile.limits.timeout_s,
        settle_s=profile.limits.settle_s,
        delays_s=settings.retry_delays_s or DEFAULT_DELAYS_S,
    )


async def _build_delivery(services: Services) -> None:
    settings = services.settings
    tools = LaneTools(
        lease=services.lease,
        completions=services.completions,
        starts=services.starts,
        load=services.load_message,
        fetch=services.fetch_file,
        files=services.store,
        claim_next=services.claim_next,
        save_breaker=services.save_breaker,
        now_ms=now_ms,
        metrics=services.metrics,
    )
    known = {row[0]: row for row in await breakers.load(services.db)}
    lanes: dict[str, Lane] = {}
    places = {hub: Places(services.adapters[hub].profile.limits.in_flight) for hub in services.hubs}
    for city, adapter in services.adapters.items():
        breaker = Breaker(settings.breaker_failures, settings.breaker_open_s)
        if city in known:
            _, _, breaker.failures, breaker.opened_at_ms, breaker.retry_at_ms = known[city]
        policy = _policy(adapter.profile, settings)
        shared = places.get(adapter.profile.via or city)
        lanes[city] = Lane(adapter, policy, breaker, tools, capacity=settings.lane_capacity, places=shared)
    services.worker = Worker(services.db, lanes, services.lease, now_ms, sweep_s=settings.sweep_s)
    services.collectors = [
        Collector(
            db=services.db,
            adapter=adapter,
            owner=lambda: services.lease.owner,
            new_id=new_id,
            now=now,
            poke=services.worker.poke,
            metrics=services.metrics,
            every_s=adapter.profile.collection.every_s,
            told=services.told,
            serves=services.serves.get(adapter.profile.code, frozenset()),
        )
        for adapter in services.adapters.values()
        if adapter.profile.collection is not None
    ]
    overdue_s = settings.reconcile_overdue_h * 3600
    given = Reconciling(services.db, services.adapters, settings.city, new_id, now, overdue_s, services.serves)
    turn = settings.reconcile_at, settings.reconcile_days
    services.reconciler = Reconciler(given, lambda: services.lease.owner, *turn)


def _message_fetchers(services: Services) -> list[MessageFetcher]:
    """One for each peer that leaves its messages for us."""
    return [
        MessageFetcher(
            db=services.db,
            store=services.store,
            source=source,
            city=city,
            peers=services.peers,
            carried=services.carries,
            owner=lambda: services.lease.owner,
            new_id=new_id,
            now=now,
            every_s=adapter.profile.collection.every_s,
            max_file_bytes=services.settings.max_file_bytes,
        )
        for city, adapter in services.adapters.items()
        if (source := source_of(adapter)) is not None and adapter.profile.collection is not None
    ]


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open database, keys, profiles and adapters; close them in reverse. Background work is `Services.run`."""
    async with AsyncExitStack() as stack:
        db = await _open_database(settings, stack)
        profiles = read_profiles(settings.profiles)
        store = FileStore(settings.data_dir / "files")
        context = adapter_context(settings, StoredTray(db, store, now_ms), store)
        adapters = build_adapters(profiles, context, called=lambda profile: is_called(profile, settings))
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        lease = Lease(db, settings.node_name, settings.lease_s, new_id, now_ms)
        services = Services(
            settings=settings,
            db=db,
            store=store,
            ring=_open_keys(settings),
            profiles=profiles,
            adapters=adapters,
            metrics=Metrics(),
            lease=lease,
        )
        stack.callback(services.close_signer)
        await _build_delivery(services)
        services.peers = Peers(settings.city, profiles, context, services.peer_tools())
        services.fetchers = _message_fetchers(services)
        await services.refresh()
        if settings.lanes:
            await lease.take_over()
            stack.push_async_callback(lease.leave)
        services.ready = True
        yield services
