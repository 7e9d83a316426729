"""服务: everything one gateway process is made of, and what it does in the background."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from adapters.contract import Adapter
from adapters.profile import CityProfile
from adapters.via_rules import served
from gateway.clock import new_id, now, now_ms
from gateway.delivery.attempt import Sendable
from gateway.delivery.breaker import Breaker
from gateway.delivery.collection import Collector
from gateway.delivery.fetching import fetch
from gateway.delivery.fetching_messages import MessageFetcher
from gateway.delivery.lease import Lease
from gateway.delivery.outcome import Delivered
from gateway.delivery.peers import Peers, PeerTools
from gateway.delivery.reconciling import Reconciler
from gateway.delivery.trying import NotYet
from gateway.delivery.worker import Worker
from gateway.evidence.keys import KeyRing, load_keys
from gateway.evidence.receipts import ReceiptContent, ReceiptSigner
from gateway.settings import BackOffice, Settings
from gateway.storage import breakers, catalogue, intake, items, outbox
from gateway.storage.catalogue import Catalogue
from gateway.storage.compression import unpack
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.group_commit import GroupCommit
from gateway.storage.outbox import Entry
from gateway.storage.sqlite import SqliteDatabase
from gateway.telemetry import Metrics
from gateway.usecases import complete_delivery, submit_application
from gateway.usecases.follow_up import load_follow_up
from gateway.usecases.parsing import parse
from gateway.usecases.tell_progress import told_report
from gateway.usecases.window_warnings import WindowWarnings
from gateway.wiring.licences import Licences
from schemas.application import Application
from schemas.message import MessageKind, OutboundMessage

log = structlog.get_logger()
_REFRESH_S = 2.0


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
    licences: Licences = field(init=False)
    ready: bool = False

    def __post_init__(self) -> None:
        self.serves = served(self.profiles)
        self.warnings = WindowWarnings(self.catalogue.items)
        self.intakes = GroupCommit(self._commit_intakes)
        self.completions = GroupCommit(lambda units: complete_delivery.commit_completions(self.db, units))
        self.starts = GroupCommit(lambda units: outbox.commit_starts(self.db, units))
        self.licences = Licences(self.db, self.store, self.settings)
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
            store=self.store,
            intakes=self.intakes,
            intake_context=self.intake_context,
            owner=lambda: self.lease.owner,
            carries=self.carries,
            new_id=new_id,
            now=now,
            poke=self.worker.poke,
            count=lambda direction: self.metrics.accepted.labels(direction).inc(),
            max_file_bytes=self.settings.max_file_bytes,
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
        await self.licences.refresh()

    async def run(self, stop: asyncio.Event) -> None:
        """Everything in the background, until `stop`; whatever is in flight finishes within the grace time."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            # PostgreSQL takes two groups at once, so that one is prepared while the other is written
            groups = (self.intakes, self.completions, self.starts, self.peers.nonces, self.licences.commits)
            for commits in groups * (1 if self.db.name == "sqlite" else 2):
                group.create_task(commits.run(), name="group-commit")
            if isinstance(self.db, SqliteDatabase):
                group.create_task(self.db.run_checkpoints(ended), name="checkpoints")
            group.create_task(self._refresh_until(ended), name="refresh")
            group.create_task(self.signer.warm_up(), name="signing-process")
            if self.settings.lanes:
                group.create_task(self.lease.run(ended), name="lease")
                if self.settings.trust_refresh_s:
                    fresh = self.licences.keep_fresh(ended, self.settings.trust_refresh_s)
                    group.create_task(fresh, name="revocation")
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
