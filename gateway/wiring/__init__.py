"""装配: the composition root. Opens everything one gateway process is made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.registry import build_adapters
from gateway.clock import new_id, now_ms
from gateway.delivery.fetching_messages import message_fetchers
from gateway.delivery.lease import Lease
from gateway.delivery.peers import Peers
from gateway.settings import Settings
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.locks import lock_folder, lock_node
from gateway.storage.migrate import upgrade
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase
from gateway.storage.tray import StoredTray
from gateway.telemetry import Metrics
from gateway.usecases.read_profiles import is_called, read_profiles
from gateway.wiring.context import adapter_context, open_keys
from gateway.wiring.delivering import build_delivery
from gateway.wiring.services import Services

__all__ = ["Services", "adapter_context", "open_services"]


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
            ring=open_keys(settings),
            profiles=profiles,
            adapters=adapters,
            metrics=Metrics(),
            lease=lease,
        )
        stack.callback(services.close_signer)
        stack.push_async_callback(services.licences.close)
        await build_delivery(services)
        services.peers = Peers(settings.city, profiles, context, services.peer_tools())
        services.fetchers = message_fetchers(adapters, services.peers)
        await services.refresh()
        if settings.lanes:
            await lease.take_over()
            stack.push_async_callback(lease.leave)
        services.ready = True
        yield services
