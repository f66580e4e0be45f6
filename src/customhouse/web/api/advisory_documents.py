"""``/advisory/ID/cve.json`` and ``csaf.json``: what this index has published itself, in the forms that others read.

Only of advisories that came out of the disclosure desk, and only once they are public.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from customhouse.advisories.disclosure.queries import published_case
from customhouse.formats.cve.write import Assigner
from customhouse.index.disclosing.facts import facts_of
from customhouse.index.disclosing.outputs import Facts, csaf_document, cve_record
from customhouse.index.disclosing.rules import Rules
from customhouse.terms.errors import Refused
from customhouse.web.doors import Door, Handler, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def advisory_document_doors() -> list[Door]:
    """Their doors."""
    return [
        door("GET", "/advisory/{advisory}/cve.json", _document(cve_record, cve=True), Permission.PUBLIC_READ),
        door("GET", "/advisory/{advisory}/csaf.json", _document(csaf_document), Permission.PUBLIC_READ),
    ]


def _document(make: Callable[[Facts], dict[str, Any]], *, cve: bool = False) -> Handler:
    def handler(visit: Visit) -> Response:
        with visit.app.database.read() as sql:
            case = published_case(sql, visit.path["advisory"])
            if case is None or (cve and not case.cve_id):
                raise Refused("unknown-advisory", "There is no such document here.", status=404)
            assigner = Assigner(short_name=visit.app.settings.cve_org)
            facts = facts_of(sql, case, Rules.of(visit.app.settings), assigner=assigner)
        body = json.dumps(make(facts), indent=2, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json", "x-content-type-options": "nosniff",
            "access-control-allow-origin": "*", "cache-control": visit.kept_as("no-cache"),
        }  # fmt: skip
        return Response(body, headers=headers)

    return handler
