"""Attacks on the way from a build to strangers: each stops the release, and says what was seen and where.

Named after what has happened elsewhere; `specs/release.md` 2.4 lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.client.dists import read_releases
from customhouse.client.problem import Declined
from customhouse.client.releasing import Plan, publish_releases
from customhouse.release.actions import Outcome, StepRun, Tampered
from customhouse.release.events import SignedThing
from customhouse.release.rules import TAMPERED
from customhouse.release.ship.index_door import index_door
from customhouse.release.signing.sign_all import SignAll
from customhouse.release.state import State
from customhouse.release.things import Thing
from packages import wheel
from receiver import Reply, Request, receiver
from shipping import PIPELINE, VERSION, Harbour, Shipping

pytestmark = pytest.mark.slow
JSON = "application/vnd.pypi.simple.v1+json"


def stopped(state: State, code: str, *said: str) -> None:
    """The run stands still for this reason, and what was seen says so; nothing was published."""
    assert state.status == "stopped", state.status
    assert state.stop is not None
    assert state.stop.code == code, state.stop
    text = f"{state.stop.place} {state.stop.saw} {state.stop.expected}"
    assert all(word in text for word in said), state.stop
    assert state.published_at is None


def public(shipping: Shipping) -> list[object]:
    """The files of the project that strangers see."""
    answer = httpx.get(f"{shipping.harbour.server.url}/simple/{shipping.project}/", headers={"accept": JSON})
    return list(answer.json()["files"]) if answer.status_code == httpx.codes.OK else []


def wheel_of(run: StepRun) -> Thing:
    return next(one for one in run.state.artifacts["dists"] if one.name.endswith(".whl"))


def flip(path: Path) -> None:
    """One byte of a file."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(body))


@pytest.fixture
def flip_on_the_disk(harbour: Harbour) -> Iterator[Callable[[StepRun], None]]:
    """Flips a byte of the run's wheel on the index's own disk; in the end it is put right, for the other tests."""
    kept: dict[Path, bytes] = {}

    def flip_it(run: StepRun) -> None:
        digest = wheel_of(run).digest
        (path,) = [one for one in harbour.server.data.rglob(f"*{digest[4:]}*") if one.is_file()]
        kept[path] = path.read_bytes()
        flip(path)

    yield flip_it
    for path, body in kept.items():
        path.write_bytes(body)


def stored(shipping: Shipping, digest: str) -> Path:
    return shipping.folder / "objects" / "sha256" / digest[:2] / digest[2:]


def test_a_byte_flipped_in_the_store_before_it_is_staged(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="flipped-store")
    shipping.conductor().conduct(lambda state: state.steps["build"].status == "done")
    digest = wheel_of(shipping.run_of("stage")).digest
    flip(stored(shipping, digest))
    state = shipping.conduct()
    stopped(state, "check:handover", f"{digest}")
    assert public(shipping) == []


def test_a_byte_flipped_in_the_stage(
    harbour: Harbour, tmp_path: Path, flip_on_the_disk: Callable[[StepRun], None]
) -> None:
    """On the index's own disk: the page still names the old digest, and what comes has another."""
    shipping = Shipping(tmp_path, harbour, project="flipped-stage")
    shipping.words.after["stage"] = flip_on_the_disk
    stopped(shipping.conduct(), "check:staged-as-built", "whl has the SHA-256", "/stage/")
    assert public(shipping) == []


def test_a_byte_flipped_in_the_stage_after_it_was_signed(
    harbour: Harbour, tmp_path: Path, flip_on_the_disk: Callable[[StepRun], None]
) -> None:
    """Before it is published, and not when strangers have fetched it: the stage is asked for its bytes once more."""
    shipping = Shipping(tmp_path, harbour, project="flipped-signed")
    shipping.words.before["publish"] = flip_on_the_disk
    stopped(shipping.conduct(), "tampered:digest", "whl has the SHA-256", "/stage/")
    assert public(shipping) == []


def put_another(shipping: Shipping, run: StepRun) -> None:
    """A co-maintainer's token sends another wheel into the very session."""
    path = run.folder / wheel(shipping.project, VERSION, tag="py2-none-any").filename
    path.write_bytes(wheel(shipping.project, VERSION, tag="py2-none-any").body)
    with index_door(shipping.run_of("stage")) as door:
        (result,) = publish_releases(door.wire, read_releases([path]), Plan(stage=True), lambda _news: None)
    assert result.ending == "staged"


@pytest.mark.parametrize(
    ("when", "code"),
    [("before stage", "tampered:extra-file"), ("after stage", "check:staged-as-built"), ("before test", "check:tested-as-staged"),
     ("before publish", "tampered:extra-file")],
)  # fmt: skip
def test_an_extra_file_in_the_stage(harbour: Harbour, tmp_path: Path, when: str, code: str) -> None:
    """An installer prefers whatever fits better: a file that nobody has built is as bad as one that was changed."""
    shipping = Shipping(tmp_path, harbour, project=when.replace(" ", "-"))
    moment, step = when.split()
    hooks = shipping.words.after if moment == "after" else shipping.words.before
    hooks[step] = lambda run: put_another(shipping, run)
    stopped(shipping.conduct(), code, "py2-none-any.whl")
    assert public(shipping) == []


def test_a_stage_that_changes_between_the_last_look_and_the_publication(harbour: Harbour, tmp_path: Path) -> None:
    """The request to publish names the manifest, so that not even that moment is left."""
    shipping = Shipping(tmp_path, harbour, project="last-moment")
    shipping.conductor().conduct(lambda state: state.steps["sign"].status == "done")
    run = shipping.run_of("publish")
    with index_door(run) as door:
        session = door.session(run.state.steps["stage"].facts["session"])
        with pytest.raises(Declined, match="does not hold the files that were named"):
            door.publish(session, manifest="0" * 64)
    assert public(shipping) == []


def test_signing_before_testing(harbour: Harbour, tmp_path: Path) -> None:
    """The signing step itself refuses, whatever the engine says: what is signed was tested."""
    shipping = Shipping(tmp_path, harbour, project="untested")
    shipping.conductor().conduct(lambda state: state.steps["stage"].status == "done")
    with pytest.raises(Tampered, match="has not been tested"):
        SignAll().do(shipping.run_of("sign"))


def test_rt_158_signed_with_the_wrong_provider(harbour: Harbour, tmp_path: Path) -> None:
    """CPython 3.10.14 was signed with an identity of another OpenID Connect provider, and signed again months later."""
    shipping = Shipping(tmp_path, harbour, project="rt-158")
    before = entries(harbour)
    other = harbour.others["other"]
    shipping.secret["sigstore-token"] = lambda: harbour.sigstore_token(issuer=other)
    stopped(shipping.conduct(), "wrong-issuer", other.url, harbour.issuer.url)
    assert entries(harbour) == before, "nothing was signed"
    assert public(shipping) == []


def test_signed_by_somebody_else_of_the_right_provider(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="somebody-else")
    shipping.secret["sigstore-token"] = lambda: harbour.sigstore_token("another-job")
    stopped(shipping.conduct(), "wrong-identity", "another-job", "release-of-sealed")
    assert public(shipping) == []


def entries(harbour: Harbour) -> int:
    found = httpx.get(f"{harbour.server.url}/sigstore/api/v1/log").json()
    return int(found["treeSize"])


def test_pythondotorg_2308_a_gpg_signature_is_missing(harbour: Harbour, tmp_path: Path) -> None:
    """3.12.0rc2, 3.10.16 and 3.9.22 appeared without one: nobody had looked whether the step had worked."""
    shipping = Shipping(tmp_path, harbour, project="gh-2308")
    plain = shipping.words.action

    class Forgetful(SignAll):
        def do(self, run: StepRun) -> Outcome:
            done = super().do(run)
            kept = tuple(one for one in done.outputs["sigs"] if not one.name.endswith(".tar.gz.asc"))
            events = tuple(
                one for one in done.events
                if not (isinstance(one, SignedThing) and one.signature.name.endswith(".tar.gz.asc"))
            )  # fmt: skip
            return replace(done, outputs={"sigs": kept}, events=events)

    shipping.words.action = lambda name: Forgetful() if name == "sign.all" else plain(name)  # type: ignore[method-assign]
    stopped(shipping.conduct(), "check:signatures-complete", "gh_2308-1.2.3.tar.gz.asc is missing")
    assert public(shipping) == []


def test_a_signature_of_another_key_under_the_right_name(harbour: Harbour, tmp_path: Path) -> None:
    """The signatures are verified once more, out of the store, before anything is published."""
    shipping = Shipping(tmp_path, harbour, project="other-key")
    shipping.conductor().conduct(lambda state: state.steps["sign"].status == "done")
    state = shipping.conductor().catch_up()
    one = next(thing for thing in state.steps["sign"].outputs["sigs"] if thing.name.endswith(".whl.asc"))
    flip(stored(shipping, one.digest))
    stopped(shipping.conduct(), "check:handover", one.digest)
    assert public(shipping) == []


def signing(shipping: Shipping) -> StepRun:
    """The signing step as the conductor would give it to its action, just before it acts."""
    caught: list[StepRun] = []

    def catch(run: StepRun) -> None:
        caught.append(run)
        raise _Gone

    shipping.words.before["sign"] = catch
    with pytest.raises(_Gone):
        shipping.conduct()
    shipping.words.before.clear()
    return caught[0]


class _Gone(BaseException):
    """The process is gone."""


def test_a_grant_is_used_once(harbour: Harbour, tmp_path: Path) -> None:
    run = signing(Shipping(tmp_path, harbour, project="used-twice"))
    assert SignAll().do(run).outputs
    with pytest.raises(Tampered, match="it was used at"):
        SignAll().do(run)
    with pytest.raises(Tampered, match="it was used at"):
        SignAll().do(replace(run, idempotency_key="another"))


def test_a_grant_for_other_digests(harbour: Harbour, tmp_path: Path) -> None:
    run = signing(Shipping(tmp_path, harbour, project="other-digests"))
    assert run.grant is not None
    other = tuple(replace(one, digest="0" * 64) for one in run.grant.things)
    with pytest.raises(Tampered, match="is not what was approved"):
        SignAll().do(replace(run, grant=replace(run.grant, things=other)))
    # Nor does a grant help that somebody has written for what he wants to be signed: the journal says what was granted.
    path = run.folder / "evil.whl"
    path.write_bytes(b"evil")
    evil = run.store.put(path, wheel_of(run).name)
    inputs = {**run.inputs, "dists": tuple(evil if one.name == evil.name else one for one in run.inputs["dists"])}
    things = tuple(evil if one.name == evil.name else one for one in run.grant.things)
    with pytest.raises(Tampered, match="was tested"):
        SignAll().do(replace(run, inputs=inputs, grant=replace(run.grant, things=things)))


@contextmanager
def cache(harbour: Harbour, spoil: Callable[[Request], Reply | None]) -> Iterator[str]:
    """A CDN before the index, that answers some requests by itself; gives its address."""
    kept = ("content-type", "location", "content-disposition")
    told = ("accept", "authorization", "content-type", "upload-offset", "content-digest")
    with receiver() as running, httpx.Client() as client:

        def answer(request: Request) -> Reply:
            own = spoil(request)
            if own is not None:
                return own
            headers = {name: text for name, text in request.headers.items() if name.lower() in told}
            found = client.request(
                request.method, f"{harbour.server.url}{request.path}", headers=headers, content=request.body
            )
            back = {name: text for name, text in found.headers.items() if name in kept}
            # It shows its own address, as a front end does.
            body = found.content.replace(harbour.server.url.encode(), f"http://127.0.0.1:{running.port}".encode())
            return Reply(found.status_code, body, {
                name: text.replace(harbour.server.url, f"http://127.0.0.1:{running.port}") for name, text in back.items()
            })  # fmt: skip

        running.answer = answer
        yield f"http://127.0.0.1:{running.port}"


def through(tmp_path: Path, harbour: Harbour, project: str, address: str, seconds: int) -> Shipping:
    """A run that publishes on the index itself and fetches back through the CDN."""
    text = PIPELINE.replace('index = {{ kind = "store" }}', "").replace(
        'index = { kind = "store" }', 'index = { kind = "store" }\ncdn = { kind = "store" }'
    )
    head, _, tail = text.partition('id = "fetch-back"')
    text = f'{head}id = "fetch-back"{tail.replace(chr(34) + "index" + chr(34), chr(34) + "cdn" + chr(34), 1)}'
    return Shipping(
        tmp_path, harbour, project=project, pipeline=text,
        places={"cdn": {"url": address, "cache_seconds": str(seconds)}},
    )  # fmt: skip


def test_a_cdn_that_gives_an_old_file(harbour: Harbour, tmp_path: Path) -> None:
    """A file of that name from before is served for ever: what strangers get is not what was signed."""

    def old(request: Request) -> Reply | None:
        if request.path.startswith("/files/") and request.path.endswith(".whl"):
            return Reply(200, b"the wheel of before", {"content-type": "application/octet-stream"})
        return None

    with cache(harbour, old) as address:
        shipping = through(tmp_path, harbour, "old-file", address, 0)
        state = shipping.conduct()
        assert state.status == "stopped"
        assert state.stop is not None
        assert (state.stop.code, "whl: SHA-256" in state.stop.saw) == (f"{TAMPERED}digest", True), state.stop
        assert state.stop.place.startswith(address)


def test_cpython_127601_a_cdn_that_remembers_that_there_was_nothing(harbour: Harbour, tmp_path: Path) -> None:
    """It has cached a 404 from too early. That passes: the release waits for it, and goes on."""
    asked: list[str] = []

    def nothing(request: Request) -> Reply | None:
        if request.path.startswith("/simple/"):
            asked.append(request.path)
            return Reply(404, b"", {"content-type": "text/plain"}) if len(asked) == 1 else None
        return None

    with cache(harbour, nothing) as address:
        state = through(tmp_path, harbour, "early-404", address, 60).conduct()
    assert state.status == "released", state.stop
    assert len(asked) >= 3


def test_an_embargo_that_leaks(harbour: Harbour, tmp_path: Path) -> None:
    """Somebody publishes the version by hand before its time: the next look stops the release."""
    shipping = Shipping(tmp_path, harbour, project="leaked")

    def leak(run: StepRun) -> None:
        with index_door(shipping.run_of("stage")) as door:
            door.publish(door.session(run.state.steps["stage"].facts["session"]))

    shipping.words.before["test"] = lambda _run: None
    shipping.words.before["sign"] = leak
    state = shipping.conduct()
    stopped(state, "check:nothing-public", "is on the simple page")
