"""签名: one file per scheme, pure functions; here they are chosen by a profile's `auth` and given secrets and time."""

from collections.abc import Mapping

from adapters.contract import AdapterContext
from adapters.operations import Auth, NationalExchangeAuth, TifAuth
from adapters.signing import national_exchange, tif
from adapters.signing.signed import Signed

__all__ = ["Signed", "sign", "verify"]


def sign(auth: Auth, context: AdapterContext) -> dict[str, str]:
    """Headers for one request. KeyError for a secret that is not configured."""
    match auth:
        case TifAuth():
            token = context.secret(auth.token)
            return tif.headers(auth.paasid, token, context.nonce(), now=context.now())
        case NationalExchangeAuth():
            return national_exchange.headers(
                auth.service_id, auth.sender_id, context.secret(auth.appsecret), now=context.now()
            )


def verify(auth: Auth, headers: Mapping[str, str], context: AdapterContext, *, tolerance_s: int) -> Signed:
    """Check a request that came in. Unauthenticated for a wrong signature or a stale time; KeyError as in `sign`."""
    match auth:
        case TifAuth():
            token = context.secret(auth.token)
            return tif.verify(headers, auth.paasid, token, now=context.now(), tolerance_s=tolerance_s)
        case NationalExchangeAuth():
            return national_exchange.verify(
                headers,
                auth.service_id,
                auth.sender_id,
                context.secret(auth.appsecret),
                now=context.now(),
                tolerance_s=tolerance_s,
            )
