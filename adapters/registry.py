"""适配器登记: which class speaks which transport. A new city is a profile; a new transport is a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from adapters.contract import Adapter, AdapterContext
from adapters.exchange_database import ExchangeDatabaseAdapter
from adapters.profile import CityProfile, Transport
from adapters.rest import RestAdapter
from adapters.sftp_batch import SftpBatchAdapter
from adapters.soap import SoapAdapter

ADAPTERS: Mapping[Transport, Callable[[CityProfile, AdapterContext], Adapter]] = MappingProxyType(
    {
        Transport.REST: RestAdapter,
        Transport.SOAP: SoapAdapter,
        Transport.EXCHANGE_DATABASE: ExchangeDatabaseAdapter,
        Transport.SFTP_BATCH: SftpBatchAdapter,
    }
)
"""Transport → adapter; `inbound` is our own city, which nobody calls."""


def build_adapter(profile: CityProfile, context: AdapterContext) -> Adapter:
    """The adapter of a city. ValueError for our own."""
    make = ADAPTERS.get(profile.transport)
    if make is None:
        raise ValueError(f"{profile.transport} has no adapter")
    return make(profile, context)
