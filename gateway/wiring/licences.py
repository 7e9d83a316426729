"""装配核验: the verifier with the trust store in force, and the offices that licences are fetched from."""

import asyncio
from contextlib import suppress

import structlog

from adapters.licence_source_rest import RestLicenceSource
from gateway.clock import new_id, now
from gateway.settings import Settings, secret
from gateway.storage import trust, verifications
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.group_commit import GroupCommit
from gateway.storage.verifications import VerificationRow
from gateway.usecases import refresh_revocation, trust_store
from gateway.usecases.fetch_licence import LicenceSources
from gateway.usecases.pdf_process import PdfProcesses
from gateway.usecases.read_licence_sources import read_licence_sources
from gateway.usecases.verifier import Verifier
from gateway.usecases.verify_licence import Desk

log = structlog.get_logger()


class Licences:
    """证照核验 of one process."""

    def __init__(self, db: Database, store: FileStore, settings: Settings) -> None:
        self._db = db
        self.commits: GroupCommit[VerificationRow, bool] = GroupCommit(lambda rows: verifications.commit(db, rows))
        self.verifier = Verifier(PdfProcesses())
        profiles = read_licence_sources(settings.licence_sources)
        sources = {code: RestLicenceSource(profile, secret, now) for code, profile in profiles.items()}
        self.sources = LicenceSources(profiles, sources)
        self.desk = Desk(
            db=db,
            store=store,
            verifier=self.verifier,
            put=self.commits.put,
            fetch=self.sources.fetch,
            new_id=new_id,
            now=now,
            reuse_days=settings.licence_reuse_days,
        )

    async def refresh(self) -> None:
        """Take the newest generation of the trust store, if there is a newer one."""
        number = await trust.number(self._db)
        if number == self.verifier.number:
            return
        found = await trust_store.newest(self._db)
        self.verifier.snapshot = await trust_store.load_snapshot(self._db, found)
        self.verifier.number = number
        log.info("trust.loaded", generation=self.verifier.snapshot.generation)

    async def keep_fresh(self, stop: asyncio.Event, every_s: float) -> None:
        """Fetch revocation and status lists again and again; one process of several does it for all."""
        while not stop.is_set():
            wait_s = every_s / 10
            try:
                if await refresh_revocation.is_due(self._db, every_s, now()):
                    done = await refresh_revocation.refresh(
                        self._db, refresh_revocation.http_get, by="gateway", now=now
                    )
                    left = sum(one.outcome not in ("new", "same") for one in done)
                    wait_s = every_s
                    log.info("revocation.refreshed", lists=len(done), left=left)
            except Exception as error:
                log.warning("revocation.failed", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stop.wait()

    async def close(self) -> None:
        """Close connections and threads."""
        self.verifier.close()
        await self.sources.close()
