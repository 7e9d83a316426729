"""验证来客: whether a request to the simulated city is signed as its profile says."""

import secrets
from dataclasses import replace
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.contract import AdapterContext, CallbackRequest
from adapters.operations import HookAuth, OAuth2Auth
from adapters.profile import CityProfile
from adapters.signing import verify
from gateway.simulation.engine import Engine
from schemas.errors import Unauthenticated

_TOLERANCE_S = 300
_TOKEN_LIFE_S = 300


class Guard:
    """门卫 of one simulated city."""

    def __init__(self, profile: CityProfile, context: AdapterContext, engine: Engine) -> None:
        self._auth, self._engine = profile.auth, engine
        self._context = replace(context, now=engine.now)
        self._tokens: set[str] = set()

    def lets_in(self, call: CallbackRequest) -> bool:
        """KeyError for a secret that is not configured."""
        if self._auth is None or isinstance(self._auth, HookAuth) or "open_door" in self._engine.faults:
            return True  # a hook signs; nothing in a profile says how to check it
        if isinstance(self._auth, OAuth2Auth):
            return call.headers.get("authorization", "").removeprefix("Bearer ") in self._tokens
        try:
            verify(self._auth, call, self._context, tolerance_s=_TOLERANCE_S)
        except Unauthenticated:
            return False
        return True

    def token(self, form: Any) -> dict[str, Any] | None:
        """The answer of the token endpoint; None for an assertion that does not fit our half of the key."""
        auth = self._auth
        assert isinstance(auth, OAuth2Auth)  # noqa: S101 - there is an endpoint for this scheme only
        public = load_pem_private_key(self._context.secret(auth.private_key).encode(), None).public_key()
        try:
            jwt.decode(
                str(form.get("client_assertion", "")),
                public,  # type: ignore[arg-type]
                algorithms=[auth.algorithm],
                audience=auth.audience or auth.token_url,
                issuer=auth.client_id,
            )
        except jwt.PyJWTError:
            return None
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE_S}
