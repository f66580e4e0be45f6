"""Errors at the door: translated once, as a page for browsers, a problem document for JSON clients, else one line."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from customhouse.formats.negotiate import wants_html, wants_json
from customhouse.formats.problems import extra_headers, problem, sentence_of, status_of
from customhouse.terms.errors import Broken, CustomhouseError
from customhouse.web.doors import NotSignedIn
from customhouse.web.headers import page_headers
from customhouse.web.render import ErrorView, error_page

log = logging.getLogger("customhouse.web")


async def on_customhouse_error(request: Request, error: Exception) -> Response:
    """Answer one of our own errors."""
    if not isinstance(error, CustomhouseError):
        return await on_unexpected(request, error)
    if isinstance(error, NotSignedIn) and wants_html(request.headers.get("accept")):
        return Response(status_code=303, headers={"location": error.address, "cache-control": "no-store"})
    if isinstance(error, Broken):
        log.error("%s %s: %s", request.method, request.url.path, error)
    response = _answer(request, status_of(error), error.code, sentence_of(error))
    for name, value in extra_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the framework found: an unknown address or a wrong verb."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    sentences = {
        HTTPStatus.NOT_FOUND: ("not-found", "There is nothing at this address."),
        HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", f"{request.method} is not answered at this address."),
    }
    code, sentence = sentences.get(HTTPStatus(status), ("http-error", HTTPStatus(status).phrase))
    response = _answer(request, status, code, sentence)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def on_unexpected(request: Request, error: Exception) -> Response:
    """Answer a fault of ours: the reason goes to the log under a reference, never to the client."""
    reference = secrets.token_hex(4)
    log.error("%s %s failed, reference %s", request.method, request.url.path, reference, exc_info=error)
    sentence = f"Something inside this index went wrong. Tell the operator the reference {reference}."
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", sentence)


def _answer(request: Request, status: int, code: str, sentence: str) -> Response:
    # PEP 694: every error below its root is a problem document.
    accept = "application/problem+json" if request.url.path.startswith("/upload") else request.headers.get("accept")
    if wants_html(accept) and not wants_json(accept):
        view = ErrorView(status, HTTPStatus(status).phrase, sentence, code)
        return Response(error_page(view), status, headers={**page_headers(), "cache-control": "no-store"})
    headers, body = problem(status, code, sentence, accept)
    response = Response(body, status)
    response.raw_headers = headers
    return response
