"""签名: one file per scheme, pure functions; here they are chosen by a profile's `auth` and given secrets and time."""

from adapters.contract import AdapterContext, CallbackRequest
from adapters.operations import InboundAuth, NationalExchangeAuth, RecipeAuth, TifAuth
from adapters.signing import national_exchange, recipe, tif
from adapters.signing.request import SignedRequest, digests_of
from adapters.signing.signed import Signed

__all__ = ["Signed", "SignedRequest", "digests_of", "sign", "verify"]


def sign(auth: InboundAuth, context: AdapterContext, request: SignedRequest) -> dict[str, str]:
    """Headers for one request. KeyError for a secret that is not configured."""
    match auth:
        case TifAuth():
            token = context.secret(auth.token)
            return tif.headers(auth.paasid, token, context.nonce(), now=context.now(), user=auth.user)
        case NationalExchangeAuth():
            return national_exchange.headers(
                auth.service_id, auth.sender_id, context.secret(auth.appsecret), now=context.now()
            )
        case RecipeAuth():
            secret = context.secret(auth.secret)
            return recipe.headers(auth, secret, request, nonce=context.nonce(), now=context.now())


def verify(auth: InboundAuth, call: CallbackRequest, context: AdapterContext, *, tolerance_s: int) -> Signed:
    """Check a request that came in. Unauthenticated for a wrong signature or a stale time; KeyError as in `sign`."""
    match auth:
        case TifAuth():
            token = context.secret(auth.token)
            return tif.verify(call.headers, auth.paasid, token, now=context.now(), tolerance_s=tolerance_s)
        case NationalExchangeAuth():
            return national_exchange.verify(
                call.headers,
                auth.service_id,
                auth.sender_id,
                context.secret(auth.appsecret),
                now=context.now(),
                tolerance_s=tolerance_s,
            )
        case RecipeAuth():
            path, _, query = call.path.partition("?")
            request = SignedRequest(call.method, path, query, digests_of(call.body))
            secret = context.secret(auth.secret)
            return recipe.verify(auth, call.headers, secret, request, now=context.now(), tolerance_s=tolerance_s)
