"""对照服务: a bare aiohttp server, the measure beside every benchmark: POST reads the body, GET does nothing."""

import asyncio
import sys

import orjson
from aiohttp import web


async def _post(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=b"{}", content_type="application/json")


async def _get(_request: web.Request) -> web.Response:
    return web.Response(body=b"{}", content_type="application/json")


async def _main() -> None:
    app = web.Application()
    app.router.add_post("/", _post)
    app.router.add_get("/", _get)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(orjson.dumps({"ready": True, "url": f"http://{host}:{port}"}).decode() + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
