"""核验路由: its part of the table in gateway/web/routes.py."""

from gateway.web.api import licences
from gateway.web.openapi import Route
from schemas.licence_check import CheckOne, Verification

_CODES = (
    "request.invalid",
    "request.not_found",
    "request.forbidden",
    "request.file_unknown",
    "request.too_large",
    "partner.refused",
    "partner.unavailable",
    "partner.protocol",
)

LICENCES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/licences/verifications",
        "licences.verify",
        licences.verify,
        "核验证照: a token, a file brought before, or an identifier to be fetched (免提交), for a named use; with "
        "`licences` instead, up to 100 of them (CheckMany). The file itself may be the body "
        "(application/octet-stream), the use then in the query. A licence that fails is an answer, not an error.",
        "证照 licences",
        body=CheckOne,
        answer=Verification,
        status=201,
        query={
            "item_code": "With a raw body: the item the licence is used for.",
            "application_id": "With a raw body: the case.",
            "case_number": "With a raw body: its number.",
            "operator": "With a raw body: the clerk's work number.",
            "policy": "With a raw body: window (default), strict or archive.",
            "name": "With a raw body: the file's name, percent-encoded UTF-8.",
        },
        codes=_CODES,
    ),
    Route(
        "GET",
        "/v1/licences/verifications/{verification_id}",
        "licences.show",
        licences.show,
        "核验结果: the answer as it was given then.",
        "证照 licences",
        answer=Verification,
        codes=("request.not_found",),
    ),
    Route(
        "GET",
        "/v1/licences/verifications/{verification_id}/report.pdf",
        "licences.printed",
        licences.printed,
        "核验单: the answer on one page, in Chinese, as PDF.",
        "证照 licences",
        codes=("request.not_found",),
    ),
    Route(
        "GET",
        "/v1/applications/{application_id}/verifications",
        "licences.of_case",
        licences.of_case,
        "办件的核验记录: what was verified for a case, oldest first.",
        "证照 licences",
        query={"after": "Keyset cursor: `next` of the page before.", "limit": "1 to 200, default 50."},
        codes=("request.not_found", "request.invalid"),
    ),
)
