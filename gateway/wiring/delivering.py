"""装配投递: lanes, collectors and the other background work of one process."""

from adapters.profile import CityProfile
from gateway.clock import new_id, now, now_ms
from gateway.delivery.attempt import Policy
from gateway.delivery.breaker import Breaker
from gateway.delivery.collection import Collector
from gateway.delivery.lane import Lane
from gateway.delivery.places import Places
from gateway.delivery.reconciling import Reconciler
from gateway.delivery.trying import LaneTools
from gateway.delivery.worker import Worker
from gateway.domain.backoff import DEFAULT_DELAYS_S
from gateway.settings import Settings
from gateway.storage import breakers
from gateway.usecases.reconcile import Reconciling
from gateway.wiring.services import Services


def _policy(profile: CityProfile, settings: Settings) -> Policy:
    return Policy(
        duplicates=profile.duplicates,
        timeout_s=profile.limits.timeout_s,
        settle_s=profile.limits.settle_s,
        delays_s=settings.retry_delays_s or DEFAULT_DELAYS_S,
    )


async def build_delivery(services: Services) -> None:
    """Give the services their lanes, collectors and reconciler."""
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
