"""Files of a release run as answers, streamed: one by its digest, and the bundle as it was made once."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from customhouse.app import App
from customhouse.formats.problems import SECURITY_HEADERS
from customhouse.infra.blob_files import local_file
from customhouse.infra.spool import open_spool
from customhouse.release.room.runs import Run
from customhouse.release.work.room_door import BEING_MADE
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused

SOON = timedelta(minutes=5)
"""After a release the bundle is there within a minute; what is not there after this will not come by itself."""


def bundle_answer(app: App, run: Run) -> Response:
    """The bundle of a run that whoever asks may see; raises `Refused` (404) while there is none."""
    if run.bundle is None:
        released_at = run.finished_at if run.status == "released" else None
        if released_at is not None and app.clock.now() < released_at + SOON:
            raise Refused(
                BEING_MADE, "The bundle of this release run is being made.", "Ask again in a few seconds.", status=404
            )
        raise Refused(
            "no-bundle", "There is no bundle of this release run.",
            "It is made within a minute after the run is released, and only then.", status=404,
        )  # fmt: skip
    return file_answer(
        app, run.bundle, "application/x-tar", etag=f'"{run.bundle}"',
        content_disposition=f'attachment; filename="{run.bundle_name}"',
    )  # fmt: skip


def file_answer(app: App, digest: str, media_type: str, **headers: str) -> Response:
    """A file from the store, which must be there; its bytes may come to local disk first. Nobody keeps it."""
    open_files = ExitStack()
    path = open_files.enter_context(local_file(app.blobs, Digest(digest), open_spool(app.settings.data)))
    sent = {name.decode(): text.decode() for name, text in SECURITY_HEADERS} | {
        "cache-control": "private, no-store", **{name.replace("_", "-"): text for name, text in headers.items()},
    }  # fmt: skip
    return FileResponse(path, headers=sent, media_type=media_type, background=BackgroundTask(open_files.close))
