"""Upload 2.0 from the first request to the published release (PEP 694)."""

from __future__ import annotations

from packages import sdist, wheel
from staging import Stager
from world import World


def test_a_release_appears_as_a_whole(world: World) -> None:
    alice = Stager(world.client, world.user())
    session = alice.session()
    for dist in (wheel(), sdist()):
        alice.add(session, dist)
    assert world.client.get("/simple/demo/").status_code == 404
    assert {one["status"] for one in alice.status(session)["files"].values()} == {"completed"}
    published = alice.publish(session)
    assert published.status_code == 201, published.text
    assert published.headers["location"] == session["links"]["session"]
    assert alice.status(session)["status"] == "published"
    page = world.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()
    assert [one["filename"] for one in page["files"]] == [wheel().filename, sdist().filename]
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body
