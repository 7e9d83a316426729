"""OpenAPI 3.1: built from the table of routes and the exchanged models; there is no second description to drift."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.web.endpoint import Handler

_REF = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: how it is reached, what handles it, and what the document says of it."""

    method: str
    path: str
    name: str
    handler: Handler
    summary: str
    tag: str
    body: type[BaseModel] | str | None = None
    """A model for a JSON body, or a media type for raw bytes."""
    answer: type[BaseModel] | None = None
    status: int = 200
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    """Problem codes a caller should be ready for, besides those of every endpoint."""
    secured: bool = True


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    models = list(dict.fromkeys(m for r in routes for m in (r.body, r.answer) if isinstance(m, type)))
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas = definitions.get("$defs", {}) | {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "通办网关 Tongban gateway API",
            "version": version,
            "description": "跨城通办、跨省通办办件接口。Times are RFC 3339; errors are RFC 9457 problem documents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (ES256)"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name.replace(".", "_"),
        "summary": route.summary,
        "tags": [route.tag],
        "security": [{"bearer": []}] if route.secured else [],
        "parameters": _parameters(route),
        "responses": {
            str(route.status): {"description": "OK", "content": _answer(route)},
            "default": {
                "description": "问题文档。" + (f" Codes: {', '.join(route.codes)}." if route.codes else ""),
                "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
            },
        },
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = re.findall(r"{(\w+)}", route.path)
    return [
        *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path),
        *(_parameter("query", name, text) for name, text in route.query.items()),
        *(_parameter("header", name, text) for name, text in route.headers.items()),
    ]


def _parameter(where: str, name: str, text: str) -> dict[str, Any]:
    required = text.startswith("!")
    return {
        "name": name,
        "in": where,
        "required": required,
        "description": text.removeprefix("!"),
        "schema": {"type": "string"},
    }


def _content(body: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(body, str):
        return {body: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"$ref": _REF.format(model=body.__name__)}}}


def _answer(route: Route) -> dict[str, Any]:
    if route.answer is None:
        return {"application/json": {"schema": {"type": "object"}}}
    return _content(route.answer)


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem 问题文档",
    "required": ["type", "title", "status", "detail", "detail_zh", "instance", "code"],
    "properties": {
        "type": {"type": "string", "description": "A page under /docs/problems/"},
        "title": {"type": "string"},
        "title_zh": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "detail_zh": {"type": "string"},
        "instance": {"type": "string", "description": "urn:request:… finds the request in our log"},
        "code": {"type": "string", "description": "request.* 请求方, gateway.* 本网关, partner.* 对方城市"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message", "message_zh"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "message_zh": {"type": "string"},
                },
            },
        },
    },
}
