"""A whole journey without a stored secret: a build that proves who it is, a release that waits, two people, everybody.

A pending publisher begins the project from a real OpenID Connect issuer; its next release is staged with attestations by
``customhouse publish``, installed from its stage by unmodified pip and uv, approved by one person and by another with
security keys in Chromium, and appears whole. ``CUSTOMHOUSE_PICTURES=folder`` keeps the sights.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser
from test_journey_passkey import PASSWORD, Traveller

from attesting import House
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.catalog.queries import find_project
from customhouse.catalog.tables import project_role
from customhouse.terms.clock import SystemClock
from customhouse.trust.private_sigstore.claims import identity_of
from issuer import Issuer, running_issuer
from library_trust import cache_that_trusts
from mail_sink import MailSink
from onlookers import meanwhile
from packages import Dist, sdist, wheel
from trust.claims import GITHUB
from world import Server, upload

pytestmark = pytest.mark.slow

BUILD = {
    **GITHUB, "sub": "repo:acme/voyage:environment:pypi", "repository": "acme/voyage",
    "workflow_ref": "acme/voyage/.github/workflows/release.yml@refs/tags/v1.0",
    "job_workflow_ref": "acme/voyage/.github/workflows/release.yml@refs/tags/v1.0",
}  # fmt: skip
READERS = 4
VERIFY = """
import json, sys
from pathlib import Path
from pypi_attestations import Distribution, Provenance
from sigstore.verify import policy
found = Provenance.model_validate_json(Path(sys.argv[2]).read_text())
who = policy.AllOf([policy.OIDCIssuerV2(sys.argv[3]), policy.OIDCSourceRepositoryURI(sys.argv[4])])
for bundle in found.attestation_bundles:
    for one in bundle.attestations:
        kind, _ = one.verify(who, Distribution.from_file(Path(sys.argv[1])), offline=True)
        print(kind)
"""


@pytest.fixture
def house() -> House:
    """The authority whose certificates builds sign with."""
    return House(SystemClock())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer("https://index.test/back/") as running:
        yield running


@pytest.fixture
def index(sink: MailSink, tmp_path: Path, issuer: Issuer, house: House) -> Iterator[Server]:
    """A real server that believes this issuer and this authority; browsers take localhost for a secure place."""
    root = tmp_path / "trusted_root.json"
    root.write_text(house.trusted_root)
    server = Server(tmp_path / "data", environment=sink.environment)
    server.url = f"http://localhost:{server.port}"
    forge = {"name": "forge", "title": "Forge", "issuer": issuer.url, "kind": "github"}
    server._environment |= {
        "CUSTOMHOUSE_URL": server.url, "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([forge]), "CUSTOMHOUSE_OIDC_AUDIENCE": "index.test",
        "CUSTOMHOUSE_TRUST_ROOTS": json.dumps([{"name": "house", "path": str(root)}]),
    }  # fmt: skip
    server.start()
    try:
        yield server
        server.check()
    finally:
        server.stop()


@dataclass
class Build:
    """A run of acme/voyage's workflow: its files, and who it can prove to be."""

    index: Server
    issuer: Issuer
    house: House
    folder: Path

    def write(self, *dists: Dist) -> list[Path]:
        """Lay the files out with what is attested of each, as the GitHub action does."""
        who = identity_of({**BUILD, "iss": self.issuer.url})
        for dist in dists:
            (self.folder / dist.filename).write_bytes(dist.body)
            attested = self.house.attestation(dist.filename, dist.sha256, identity=who)
            (self.folder / f"{dist.filename}.publish.attestation").write_text(json.dumps(attested))
        return [self.folder / dist.filename for dist in dists]

    def publish(self, files: list[Path], *options: str, code: int = 0) -> list[dict[str, Any]]:
        """``customhouse publish`` with an ID token of this run and nothing else; what it says, line by line."""
        (self.folder / "id-token").write_text(self.issuer.build_token(BUILD))
        done = subprocess.run(
            [sys.executable, "-m", "customhouse", "publish", *map(str, files), "--index", f"{self.index.url}/", "--json",
             "--attestations", "--oidc-token-file", str(self.folder / "id-token"), *options],
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"}, check=False, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr, self.index.log()[-2000:])
        return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass
class Readers:
    """Some who ask for a project's pages all the time, and what they have seen of one version."""

    index: Server
    version: str
    counts: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reading(self) -> AbstractContextManager[None]:
        """They read from before to after."""
        kinds = ("application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+html")
        return meanwhile(*(partial(self._read, kinds[one % 2]) for one in range(READERS)))

    def _read(self, kind: str, over: threading.Event) -> None:
        needle = f"voyage-{self.version}".encode()
        closing = b'"filename":"' + needle if kind.endswith("json") else b">" + needle
        # The plainest client there is: it asks oftener than a good one.
        line = http.client.HTTPConnection("127.0.0.1", self.index.port, timeout=60)
        while not over.is_set():
            line.request("GET", "/simple/voyage/", headers={"Accept": kind})
            seen = line.getresponse().read().count(closing)
            with self._lock:
                self.counts[seen] = self.counts.get(seen, 0) + 1
        line.close()


def test_a_release_without_a_secret_and_without_regret(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser, issuer: Issuer, house: House, tmp_path: Path
) -> None:
    alice, bob = (_with_a_key(name, index, sink, browser) for name in ("alice", "bob"))

    # Alice lets a workflow begin a project. Its first run does, with what its issuer says of it alone.
    alice.goto("/account/publishing/")
    alice.look()
    alice.page.locator("summary", has_text="Forge").click()
    form = alice.page.locator("form").filter(has=alice.page.locator("input[value=forge]"))
    form.get_by_label("Name of the project that comes to be").fill("voyage")
    for label, text in (("Owner", "acme"), ("Repository", "voyage"), ("Workflow file", "release.yml")):
        form.get_by_label(label).fill(text)
    with alice.page.expect_navigation():
        form.get_by_role("button").click()
    build = Build(index, issuer, house, tmp_path)
    said = build.publish(build.write(wheel("voyage", "0.1")))
    assert said[-1]["state"] == "published", said

    # From now on two people must approve, with security keys.
    with index.opened() as app, app.database.write() as sql:
        found = find_project(sql, "voyage")
        assert found is not None
        sql.execute(
            project_role.insert().values(project_id=found.id, account_id=find_user(sql, "bob").id, role="owner")
        )
    alice.goto("/manage/project/voyage/rule/")
    alice.look()
    alice.page.get_by_label("How many people must approve").fill("2")
    alice.page.get_by_label("Only a security key or passkey").check()
    alice.press("Save")

    # The next run stages its release: nobody sees it but those who know where it waits.
    dists = [sdist("voyage", "1.0"), wheel("voyage", "1.0"), wheel("voyage", "1.0", tag="py3-none-linux_x86_64")]
    said = build.publish(build.write(*dists), "--stage")
    stage = next(one["stage"] for one in reversed(said) if one.get("stage"))
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}") as client:
        assert "voyage-1.0" not in client.get("/simple/voyage/").text
    _install_from(stage, tmp_path)

    # One approval by Alice; another one by her counts for nothing.
    alice.goto("/account/")
    alice.page.get_by_role("link", name="voyage 1.0").first.click()
    waits = alice.page.url
    alice.look()
    alice.photograph("release-staged.png")
    alice.press("Approve with a security key or passkey")
    assert "1 more approval is wanted" in alice.page.inner_text("main")
    alice.photograph("release-approved-once.png")
    assert alice.page.get_by_role("button", name="Approve with a security key or passkey").count() == 0
    assert "You have approved these files already." in alice.page.inner_text("main")
    csrf = alice.page.locator("input[name=csrf]").first.get_attribute("value")
    manifest = alice.page.locator("section#files, main").first.inner_text().partition("manifest ")[2][:64]
    again = alice.context.request.post(
        f"{waits}approve/", form={"csrf": csrf or "", "manifest": manifest, "answer": "{}"}
    )
    assert again.status == 409, again.text()
    assert alice.page.get_by_role("button", name="Publish 1.0 now").count() == 0

    # Bob approves the very same bytes, and publishes: readers see none of them, then all.
    bob.page.goto(waits)
    bob.press("Approve with a security key or passkey")
    readers = Readers(index, "1.0")
    with readers.reading():
        bob.press("Publish 1.0 now")
        assert bob.page.url.endswith("/project/voyage/1.0/")
        alice.goto("/project/voyage/1.0/")
        alice.look()
        alice.photograph("release-published.png")
    assert set(readers.counts) == {0, len(dists)}, readers.counts

    # The name is taken for ever, and anybody can verify where the files come from.
    token = index.new_token("bob")
    other = wheel("voyage", "1.0", files={"voyage/other.py": b"x = 1\n"})
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        answer = upload(client, token, other, name="voyage", version="1.0")
        assert answer.status == 400
        assert answer.text.startswith("File already exists")
        page = client.get("/simple/voyage/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()
        found_at = {one["filename"]: one["provenance"] for one in page["files"]}
        for dist in dists:
            provenance = client.get(httpx.URL(found_at[dist.filename]).path).content
            _verify(dist, provenance, house, issuer, tmp_path)
    assert alice.said == bob.said == []
    alice.context.close()
    bob.context.close()


def _with_a_key(name: str, index: Server, sink: MailSink, browser: Browser) -> Traveller:
    """Somebody with an account and a security key in it."""
    somebody = Traveller(name, index, sink, browser)
    with index.opened() as app:
        app.do(add_user, AddUser(name, somebody.email))
        with app.database.read() as sql:
            user = find_user(sql, name)
        link = app.do(make_password_link, MakePasswordLink(user, app.lifetimes.life, mail=False))
        somebody.goto(f"/account/link/{link_text(app.key, link)}/")
    somebody.page.get_by_label("New password").fill(PASSWORD)
    somebody.page.get_by_label("The same again").fill(PASSWORD)
    somebody.press("Set the password")
    somebody.sign_in()
    somebody.arrives()
    somebody.goto("/account/two-factor/")
    somebody.press("Make recovery codes")
    codes = somebody.page.get_by_label("Recovery codes", exact=True).inner_text().split()
    somebody.page.get_by_label("Type one of them, from where you have kept it").fill(codes[0])
    somebody.press("I have kept them")
    somebody.insert(passkeys=False)
    somebody.page.locator("#label-add-key").fill("the blue key")
    somebody.press("Add a security key")
    return somebody


def _install_from(stage: str, folder: Path) -> None:
    """Unmodified pip and uv take the release from its stage."""
    bin_ = Path(sys.executable).parent
    for name, command in (
        ("pip", [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]),
        ("uv", [str(bin_ / "uv"), "pip", "install", "--no-cache", "--python", sys.executable]),
    ):  # fmt: skip
        target = folder / f"installed-by-{name}"
        done = subprocess.run(
            [*command, "--no-deps", "--target", str(target), "--index-url", "http://127.0.0.1:9/simple/",
             "--extra-index-url", stage, "voyage==1.0"],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert (target / "voyage-1.0.dist-info").is_dir()


def _verify(dist: Dist, provenance: bytes, house: House, issuer: Issuer, folder: Path) -> None:
    """By the unmodified pypi-attestations library, which trusts our authority by its cache and by nothing else."""
    here = folder / f"verify-{dist.sha256[:8]}"
    here.mkdir()
    (here / dist.filename).write_bytes(dist.body)
    (here / "provenance").write_bytes(provenance)
    cache = cache_that_trusts(house.trusted_root, here / "cache")
    done = subprocess.run(
        [sys.executable, "-c", VERIFY, str(here / dist.filename), str(here / "provenance"), issuer.url,
         f"{issuer.url}/acme/voyage"],
        env={"XDG_CACHE_HOME": str(cache), "XDG_DATA_HOME": str(cache), "PATH": "/usr/bin:/bin", "HOME": str(here)},
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, ["https://docs.pypi.org/attestations/publish/v1"]), done.stderr
