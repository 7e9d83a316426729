"""演示发证机关: an issuing office as a server: licences as sealed OFD, JWS or SD-JWT, revocation, CRL and status lists.

Invented. Hands a licence out to whoever shows the token and names a use, and keeps what was asked for:
  POST /licences/fetch              {identifier, purpose, request_id}: 200, 403 where no use is named, 404
  POST /_licences                   {identifier, kind, stated}: issue one
  POST /_revoke                     {identifier} or {seal: true}: the licence, or the office's signing certificate
  GET  /crl.der, /status/1          with ETag
  GET  /_trust                      what an operator would import: anchor, authority, maker of seals, issuer file
  GET  /_asked                      what was asked for, with the uses
"""

import base64
import hashlib
import json
from typing import Any

import orjson
from aiohttp import web

from tests.simulators import clock
from tests.simulators.books import Books
from tests.simulators.control import Control
from tests.simulators.licence_making import MakingOffice
from tests.simulators.process import Simulator, arguments, json_answer, run

_LIST_BITS = 4096


class LicenceOffice(Simulator):
    """What it issued and revoked is in memory: an office that starts anew has new keys."""

    def __init__(self, books: Books, token: str) -> None:
        super().__init__(books, Control({"down"}, ()))
        self.token = token
        self.making = MakingOffice()
        self.licences: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.revoked: set[int] = set()

    def pages(self) -> list[web.RouteDef]:
        return [
            web.post("/licences/fetch", self._fetch),
            web.post("/_licences", self._issue),
            web.post("/_revoke", self._revoke),
            web.get("/_asked", self._asked),
            web.get("/_trust", self._trust),
            web.get("/crl.der", self._crl),
            web.get("/status/1", self._status),
        ]

    async def _fetch(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return json_answer({"code": "WHO"}, status=401)
        wanted = orjson.loads(await request.read())
        purpose = wanted.get("purpose") or {}
        if not purpose.get("item_code") or not purpose.get("operator"):
            return json_answer({"code": "NO_PURPOSE"}, status=403)
        self.asked.append(wanted)
        held = self.licences.get(wanted["identifier"])
        if held is None:
            return json_answer({"code": "UNKNOWN"}, status=404)
        state = "revoked" if held["index"] in self.revoked else "valid"
        answer = {
            "identifier": wanted["identifier"],
            "name": held["name"],
            "content": base64.b64encode(held["content"]).decode(),
            "stated": held["stated"] | {"licence_identifier": wanted["identifier"], "licence_status": state},
        }
        return json_answer(answer)

    async def _issue(self, request: web.Request) -> web.Response:
        wanted = orjson.loads(await request.read())
        identifier, stated, index = wanted["identifier"], wanted.get("stated", {}), len(self.licences)
        origin = f"{request.scheme}://{request.host}"
        if wanted["kind"] == "ofd":
            content, name = self.making.ofd(identifier, stated), "licence.ofd"
        else:
            claims = {"iss": origin, "licence_identifier": identifier, **stated}
            claims["status"] = {"status_list": {"uri": f"{origin}/status/1", "idx": index}}
            made = self.making.sd_jwt if wanted["kind"] == "sd_jwt" else self.making.jws
            content, name = made(claims, int(clock.now())).encode(), f"licence.{wanted['kind']}"
        self.licences[identifier] = {"content": content, "name": name, "stated": stated, "index": index}
        return json_answer({"sha256": hashlib.sha256(content).hexdigest(), "index": index}, status=201)

    async def _revoke(self, request: web.Request) -> web.Response:
        wanted = orjson.loads(await request.read())
        if wanted.get("seal"):
            self.making.revoke_signer(int(clock.now()))
        else:
            self.revoked.add(self.licences[wanted["identifier"]]["index"])
        return json_answer({})

    async def _asked(self, request: web.Request) -> web.Response:
        return json_answer(self.asked)

    async def _trust(self, request: web.Request) -> web.Response:
        origin = f"{request.scheme}://{request.host}"
        return json_answer(
            {
                "anchor": base64.b64encode(self.making.root).decode(),
                "intermediate": base64.b64encode(self.making.authority).decode(),
                "sealer": base64.b64encode(self.making.maker).decode(),
                "crl_url": f"{origin}/crl.der",
                "issuer": {
                    "issuer": origin,
                    "algorithms": ["ES256"],
                    "keys": [self.making.jwk],
                    "status_lists": [f"{origin}/status/1"],
                },
            }
        )

    async def _crl(self, request: web.Request) -> web.Response:
        return _tagged(request, self.making.crl(int(clock.now())), str(self.making.revoked))

    async def _status(self, request: web.Request) -> web.Response:
        uri = f"{request.scheme}://{request.host}{request.path}"
        listed = self.making.status_list(uri, self.revoked, _LIST_BITS, int(clock.now()))
        return _tagged(request, listed.encode(), json.dumps(sorted(self.revoked)))


def _tagged(request: web.Request, content: bytes, version: str) -> web.Response:
    tag = f'"{hashlib.sha256(version.encode()).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=content, headers={"ETag": tag})


if __name__ == "__main__":
    parser = arguments(__doc__ or "")
    parser.add_argument("--token", required=True)
    given = parser.parse_args()
    run(LicenceOffice(Books(given.books), given.token), given)
