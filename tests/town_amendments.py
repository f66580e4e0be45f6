"""What the town's people say of their releases afterwards."""

from __future__ import annotations

from functools import partial

from customhouse.app import App
from customhouse.index.amending.publish import Amend, amend
from customhouse.terms.identity import Actor

VERSION = "1.0"
HEADERS = {"Requires-Dist": "demo-engine>=1\nRequires-Dist: demo-tools>=1"}
FORM = {
    "versions": VERSION, "requirement": "demo-tools>=1,<3", "reason": "It does not work with 3.",
    "evidence": "https://example.org/demo/3",
}  # fmt: skip


def say(app: App, owner: Actor, project: str = "demo") -> str:
    """The project's release does not work with version 3 of its engine; returns the amendment's id."""
    wish = Amend(
        project, VERSION, "demo-engine>=1,<3", "It does not work with 3.", "https://example.org/demo/2", by=owner
    )
    return app.do(partial(amend, app.sign), wish).id
