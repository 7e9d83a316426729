"""租约: this process's right to send the messages it holds, renewed as one line for all of them.

A process that was stopped longer than its lease (a frozen machine, a long pause) must assume that another has taken
its messages over: it starts anew under another owner id and forgets what it held in memory.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway.storage import outbox
from gateway.storage.database import Database

log = structlog.get_logger()


class Lease:
    """Keeps one owner id alive."""

    def __init__(
        self, db: Database, node: str, lease_s: float, new_owner: Callable[[], str], now_ms: Callable[[], int]
    ) -> None:
        self._db, self._node, self._lease_s = db, node, lease_s
        self._new_owner, self._now_ms = new_owner, now_ms
        self.owner = new_owner()
        self._good_until = 0.0

    def valid(self) -> bool:
        """Whether this process may still send under `owner`."""
        return time.monotonic() < self._good_until

    async def take_over(self) -> None:
        """Start: end the leases of this node's earlier processes and begin our own."""
        async with self._db.transaction() as tx:
            await outbox.retire_node(tx, self._node, self.owner)
        await self.renew()

    async def renew(self) -> None:
        """Extend the lease; after a lapse, under a new owner id."""
        if self._good_until and not self.valid():
            log.warning("lease.lapsed", owner=self.owner)
            self.owner = self._new_owner()
        began = time.monotonic()
        now_ms = self._now_ms()
        async with self._db.transaction() as tx:
            await outbox.keep_alive(tx, self.owner, self._node, now_ms + int(self._lease_s * 1000), now_ms)
        # counted from before the write, and with a margin: never believe in the lease longer than the others do
        self._good_until = began + self._lease_s * 0.8

    async def run(self, stop: asyncio.Event) -> None:
        """Renew until `stop`. A database that cannot be reached is tried again; the lease may lapse meanwhile."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(self._lease_s / 4):
                    await stop.wait()
            except TimeoutError:
                try:
                    await self.renew()
                except Exception as error:
                    log.warning("lease.renewal_failed", error=type(error).__name__)

    async def leave(self) -> None:
        """Stop: give everything back, so that others (or our successor) may send at once."""
        async with self._db.transaction() as tx:
            await outbox.retire(tx, self.owner)
        self._good_until = 0.0
