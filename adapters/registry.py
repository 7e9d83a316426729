"""适配器登记: which class speaks which transport. A new city is a profile; a new transport is a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from adapters.contract import Adapter, AdapterContext
from adapters.exchange_database import ExchangeDatabaseAdapter
from adapters.manual import ManualAdapter
from adapters.peer_gateway import PeerGatewayAdapter
from adapters.profile import CityProfile, Transport
from adapters.rest import RestAdapter
from adapters.sftp_batch import SftpBatchAdapter
from adapters.soap import SoapAdapter
from adapters.via import ViaAdapter

ADAPTERS: Mapping[Transport, Callable[[CityProfile, AdapterContext], Adapter]] = MappingProxyType(
    {
        Transport.REST: RestAdapter,
        Transport.SOAP: SoapAdapter,
        Transport.EXCHANGE_DATABASE: ExchangeDatabaseAdapter,
        Transport.SFTP_BATCH: SftpBatchAdapter,
        Transport.PEER_GATEWAY: PeerGatewayAdapter,
        Transport.MANUAL: ManualAdapter,
    }
)
"""Transport → adapter; `inbound` is our own city, which nobody calls; `via` shares its hub's adapter."""


def build_adapter(profile: CityProfile, context: AdapterContext) -> Adapter:
    """The adapter of a city. ValueError for our own."""
    make = ADAPTERS.get(profile.transport)
    if make is None:
        raise ValueError(f"{profile.transport} has no adapter")
    return make(profile, context)


def build_adapters(
    profiles: Mapping[str, CityProfile], context: AdapterContext, *, called: Callable[[CityProfile], bool]
) -> dict[str, Adapter]:
    """The adapters of the cities that are `called`, by code; cities behind a hub share that hub's."""
    wanted = [profile for profile in profiles.values() if called(profile)]
    adapters = {one.code: build_adapter(one, context) for one in wanted if one.via is None}
    behind = [one for one in wanted if one.via in adapters]
    return adapters | {one.code: ViaAdapter(one, adapters[str(one.via)]) for one in behind}
