"""``POST /pypi``: the three XML-RPC calls with which a mirror follows the index.

It is the one POST that changes nothing. A call that cannot be read is answered with a fault, and with 400 or 413 so
that proxies see it too; a call of an unknown method only with a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from customhouse.app import App
from customhouse.catalog import changelog
from customhouse.formats import xmlrpc
from customhouse.formats.xmlrpc import Call, Misunderstood
from customhouse.terms.errors import Refused
from customhouse.web.body import read_body
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission

MAX_SERIAL = 2**63 - 1
HEADERS = {
    "content-type": "text/xml; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


def xmlrpc_doors() -> list[Door]:
    """The addresses that PyPI has for it."""
    return [own_door("POST", path, answer_call, Permission.XMLRPC_READ) for path in ("/pypi", "/pypi/")]


async def answer_call(request: Request) -> Response:
    """Answer one call."""
    try:
        body = await read_body(request, xmlrpc.MAX_BYTES)
    except Refused:
        why = f"A call has at most {xmlrpc.MAX_BYTES} bytes."
        return _response(xmlrpc.write_fault(xmlrpc.INVALID_CALL, why), 413)
    app: App = request.app.state.customhouse
    try:
        call = xmlrpc.read_call(body)
    except Misunderstood as error:
        return _response(xmlrpc.write_fault(error.fault, str(error)), 400)
    return await anyio.to_thread.run_sync(_answer, app, call)


def _answer(app: App, call: Call) -> Response:
    method = _METHODS.get(call.method)
    if method is None:
        known = ", ".join(_METHODS)
        why = f"There is no method {call.method!r} here. There are: {known}."
        return _response(xmlrpc.write_fault(xmlrpc.UNKNOWN_METHOD, why))
    try:
        return method(app, call)
    except Misunderstood as error:
        return _response(xmlrpc.write_fault(error.fault, str(error)))


def _last_serial(app: App, call: Call) -> Response:
    _take(call, 0)
    with app.database.read() as sql:
        return _response(xmlrpc.write_answer(changelog.last_serial(sql)))


def _since_serial(app: App, call: Call) -> Response:
    _take(call, 1)
    pieces = xmlrpc.write_rows(changelog.changes_since(app.database, _serial(call.arguments[0])))
    # The first piece before the status: if the database is away, the client hears that and no broken answer.
    first = next(pieces)
    return StreamingResponse(chain([first], pieces), headers=HEADERS)


def _with_serial(app: App, call: Call) -> Response:
    _take(call, 0)
    with app.database.read() as sql:
        return _response(xmlrpc.write_answer(changelog.projects_with_serial(sql)))


def _take(call: Call, count: int) -> None:
    if len(call.arguments) != count:
        raise Misunderstood(
            xmlrpc.BAD_ARGUMENTS, f"{call.method} takes {count} arguments and was given {len(call.arguments)}"
        )


def _serial(value: xmlrpc.Scalar) -> int:
    if isinstance(value, (bool, str)) or value != int(value) or not 0 <= value <= MAX_SERIAL:
        raise Misunderstood(xmlrpc.BAD_ARGUMENTS, f"{str(value)[:40]!r} is no serial")
    return int(value)


_METHODS: Mapping[str, Callable[[App, Call], Response]] = {
    "changelog_last_serial": _last_serial,
    "changelog_since_serial": _since_serial,
    "list_packages_with_serial": _with_serial,
}


def _response(body: bytes, status: int = 200) -> Response:
    return Response(body, status, headers=HEADERS)
