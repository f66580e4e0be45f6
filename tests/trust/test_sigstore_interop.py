"""Unmodified clients sign and verify with the private Sigstore of a running server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from asn1crypto import core, tsp  # type: ignore[import-untyped]
from pypi_attestations import Attestation, Distribution
from sigstore.dsse import Statement, StatementBuilder, Subject
from sigstore.errors import VerificationError
from sigstore.models import Bundle, InvalidBundle
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity
from tuf.ngclient.updater import Updater

from customhouse.accounts.sessions import SignIn, form_token, sign_in
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.trust.private_sigstore.tiles import is_consistent
from private_sigstore import BUILDER, Holder, RunningSigstore, running_sigstore

pytestmark = pytest.mark.slow
NODE = Path(__file__).parents[1] / "sigstore_node"
BODY = b"what is released"
DIGEST = "f" * 64


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSigstore]:
    with running_sigstore(tmp_path_factory.mktemp("sigstore")) as made:
        yield made


@pytest.fixture(scope="module")
def bundles(sigstore: RunningSigstore) -> dict[str, str]:
    """An artifact (a) and a statement (d), by both versions of the log."""
    found = {}
    for version in (1, 2):
        with sigstore.signer(version) as signer:
            found[f"a{version}"] = signer.sign_artifact(BODY).to_json()
            found[f"d{version}"] = signer.sign_dsse(statement()).to_json()
    return found


def statement() -> Statement:
    subject = Subject.model_validate({"name": "demo-1.0.tar.gz", "digest": {"sha256": DIGEST}})
    return StatementBuilder([subject], "https://in-toto.io/attestation/release/v0.1", {"purl": "pkg:pypi/demo"}).build()


def run(*words: str, home: Path, code: int = 0) -> str:
    """A program with a home of its own."""
    known = {"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=known, check=False, timeout=120, cwd=home)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["a1", "a2", "d1", "d2"])
def test_what_python_signs_verifies_offline(sigstore: RunningSigstore, bundles: dict[str, str], name: str) -> None:
    if name.startswith("a"):
        sigstore.verify(BODY, bundles[name])
        return
    policy = Identity(identity=sigstore.identity(), issuer=sigstore.issuer)
    kind, payload = sigstore.verifier().verify_dsse(Bundle.from_json(bundles[name]), policy)
    assert kind == "application/vnd.in-toto+json"
    assert json.loads(payload)["subject"][0]["digest"] == {"sha256": DIGEST}


@pytest.mark.parametrize("name", ["a1", "a2", "d1", "d2"])
def test_javascript_agrees(sigstore: RunningSigstore, bundles: dict[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(bundles[name])
    (tmp_path / "root.json").write_text(sigstore.get("/trusted_root.json").text)
    (tmp_path / "body").write_bytes(BODY)
    words = ["node", str(NODE / "verify.mjs"), "bundle.json", "root.json"]
    artifact = ["body"] if name.startswith("a") else []
    told = run(*words, sigstore.identity(), sigstore.issuer, *artifact, home=tmp_path)
    assert sigstore.issuer in told
    run(*words, sigstore.identity("builder-b"), sigstore.issuer, *artifact, home=tmp_path, code=1)
    if artifact:
        (tmp_path / "body").write_bytes(b"another")
        run(*words, sigstore.identity(), sigstore.issuer, *artifact, home=tmp_path, code=1)


def test_the_command_line_signs_with_a_trust_config_and_verifies(sigstore: RunningSigstore, tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text(sigstore.get("/trust_config.json").text)
    (tmp_path / "file").write_bytes(BODY)
    client = [sys.executable, "-m", "sigstore", "--trust-config", "trust.json"]
    run(*client, "sign", "--identity-token", sigstore.token(), "file", home=tmp_path)
    who = ["--cert-identity", sigstore.identity(), "--cert-oidc-issuer", sigstore.issuer]
    assert "OK" in run(*client, "verify", "identity", "--offline", *who, "file", home=tmp_path)


def test_the_command_line_learns_to_trust_by_tuf(sigstore: RunningSigstore, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text(sigstore.get("/tuf/1.root.json").text)
    (tmp_path / "file").write_bytes(BODY)
    client = [sys.executable, "-m", "sigstore", "--instance", f"{sigstore.base}/tuf"]
    run(*client, "trust-instance", "root.json", home=tmp_path)
    run(*client, "sign", "--identity-token", sigstore.token(), "file", home=tmp_path)
    who = ["--cert-identity", sigstore.identity(), "--cert-oidc-issuer", sigstore.issuer]
    assert "OK" in run(*client, "verify", "identity", "--offline", *who, "file", home=tmp_path)


def test_tuf_clients_get_the_trust_root_and_follow_its_keys(sigstore: RunningSigstore, tmp_path: Path) -> None:
    root = sigstore.get("/tuf/1.root.json").content

    def fetched(name: str) -> bytes:
        folder = tmp_path / name
        folder.mkdir()
        updater = Updater(
            metadata_dir=str(folder), metadata_base_url=f"{sigstore.base}/tuf", target_dir=str(folder),
            target_base_url=f"{sigstore.base}/tuf/targets/", bootstrap=root,
        )  # fmt: skip
        info = updater.get_targetinfo("trusted_root.json")
        assert info is not None
        return Path(updater.download_target(info)).read_bytes()

    before = json.loads(fetched("before"))
    assert before == sigstore.get("/trusted_root.json").json()
    for role in ("tuf-root", "tuf-timestamp", "time"):
        sigstore.server.command("sigstore", "keys", "--rotate", role)
    after = json.loads(fetched("after"))
    assert after != before
    assert [len(one["timestampAuthorities"]) for one in (before, after)] == [1, 2]
    assert "end" in after["timestampAuthorities"][0]["validFor"]
    # The key of the old root is gone once its successor is published.
    kept = json.loads((sigstore.server.data / "sigstore-keys.json").read_text())["roles"]["tuf-root"]
    assert ["private" in one for one in kept] == [False, True]


def test_attestations_of_pypi_verify(sigstore: RunningSigstore) -> None:
    dist = Distribution(name="demo-1.0.tar.gz", digest=DIGEST)
    with sigstore.signer(1) as signer:
        attestation = Attestation.sign(signer, dist)
    policy = Identity(identity=sigstore.identity(), issuer=sigstore.issuer)
    bundle = attestation.to_bundle()
    sigstore.verifier().verify_dsse(bundle, policy)
    assert attestation.statement["subject"][0]["name"] == "demo-1.0.tar.gz"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_openssl_verifies_timestamps(sigstore: RunningSigstore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    for more in (["-cert"], ["-sha512", "-cert"], ["-no_nonce", "-cert"]):
        run("openssl", "ts", "-query", "-data", "file", *more, "-out", "query.tsq", home=tmp_path)
        answer = sigstore.post("/api/v1/timestamp", (tmp_path / "query.tsq").read_bytes())
        assert answer.headers["content-type"] == "application/timestamp-reply"
        (tmp_path / "reply.tsr").write_bytes(answer.content)
        for place, chain in enumerate(sigstore.get("/trusted_root.json").json()["timestampAuthorities"]):
            text = "".join(_pem(one["rawBytes"]) for one in chain["certChain"]["certificates"])
            (tmp_path / f"{place}.pem").write_text(text)
        roots = sorted(tmp_path.glob("*.pem"))
        told = run(
            "openssl", "ts", "-verify", "-data", "file", "-in", "reply.tsr", "-CAfile", roots[-1].name, home=tmp_path
        )
        assert "Verification: OK" in told
    (tmp_path / "file").write_bytes(b"another")
    run(
        "openssl",
        "ts",
        "-verify",
        "-data",
        "file",
        "-in",
        "reply.tsr",
        "-CAfile",
        roots[-1].name,
        home=tmp_path,
        code=1,
    )


def _pem(text: str) -> str:
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(("changes", "bit"), [
    ({"message_imprint": {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"0" * 20}}, "bad_alg"),
    ({"message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"0" * 20}}, "bad_data_format"),
    ({"req_policy": "1.2.3.4"}, "unaccepted_policy"),
    ({"nonce": 2**200}, "bad_request"),
])  # fmt: skip
def test_a_query_that_is_not_granted_is_told_why(
    sigstore: RunningSigstore, changes: dict[str, object], bit: str
) -> None:
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"0" * 32}
    query = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, **changes}).dump()
    answer = core.Sequence.load(sigstore.post("/api/v1/timestamp", query).content, strict=True)
    status = tsp.PKIStatusInfo.load(answer[0].dump(), strict=True)
    assert status["status"].native == "rejection"
    assert status["fail_info"].native == {bit}


def test_nothing_but_the_truth_verifies(sigstore: RunningSigstore, bundles: dict[str, str]) -> None:
    """The matrix of what must be turned down, with what would have been fine beside it."""
    good = json.loads(bundles["a2"])
    with sigstore.signer(2) as signer:
        other = json.loads(signer.sign_artifact(b"another").to_json())
    material, entry = "verificationMaterial", "tlogEntries"

    def changed(**material_of: object) -> str:
        return json.dumps({**good, material: {**good[material], **material_of}})

    proof = good[material][entry][0]["inclusionProof"]
    broken = {**proof, "hashes": [proof["rootHash"], *proof["hashes"][1:]]}
    wrong = {
        "tampered artifact": (b"what is not released", bundles["a2"]),
        "broken proof": (BODY, changed(tlogEntries=[{**good[material][entry][0], "inclusionProof": broken}])),
        "foreign entry": (BODY, changed(tlogEntries=other[material][entry])),
        "no timestamp": (BODY, changed(timestampVerificationData={})),
        "foreign timestamp": (BODY, changed(timestampVerificationData=other[material]["timestampVerificationData"])),
        "foreign certificate": (BODY, changed(certificate=other[material]["certificate"])),
    }
    sigstore.verify(BODY, bundles["a2"])
    held = [what for what, (body, bundle) in wrong.items() if _verifies(sigstore, body, bundle)]
    assert held == []
    assert not _verifies(sigstore, BODY, bundles["a2"], "builder-b")
    assert not _verifies(sigstore, BODY, bundles["a2"], issuer="https://accounts.google.com")
    policy, public = Identity(identity=sigstore.identity(), issuer=sigstore.issuer), Verifier.production(offline=True)
    with pytest.raises(VerificationError):
        public.verify_artifact(BODY, Bundle.from_json(bundles["a2"]), policy)


def _verifies(sigstore: RunningSigstore, body: bytes, bundle: str, subject: str = BUILDER, issuer: str = "") -> bool:
    try:
        sigstore.verify(body, bundle, subject, issuer)
    except (VerificationError, InvalidBundle):
        return False
    return True


def test_eight_signers_at_once_get_a_place_each(sigstore: RunningSigstore) -> None:
    before = sigstore.get("/api/v1/log").json()["treeSize"]
    places: list[int] = []
    faults: list[Exception] = []

    def sign(name: str) -> None:
        try:
            holder = Holder.at(sigstore)
            for number in range(6):
                answer = sigstore.post("/api/v2/log/entries", holder.request_v2(f"{name} {number}".encode()))
                places.append(int(answer.json()["logIndex"]))
        except Exception as error:  # noqa: BLE001 - told by the test
            faults.append(error)

    signers = [threading.Thread(target=sign, args=(f"signer {number}",)) for number in range(8)]
    for one in signers:
        one.start()
    for one in signers:
        one.join()
    assert not faults
    assert sorted(places) == list(range(before, before + 48))


def test_keys_that_are_rotated_verify_what_they_have_signed(sigstore: RunningSigstore, bundles: dict[str, str]) -> None:
    for role in ("authority", "certificates", "entries-v1", "entries-v2"):
        sigstore.server.command("sigstore", "keys", "--rotate", role)
    for version in (1, 2):
        sigstore.verify(BODY, bundles[f"a{version}"])
        with sigstore.signer(version) as signer:
            sigstore.verify(b"new", signer.sign_artifact(b"new").to_json())


def test_a_person_signs_as_himself_by_the_unmodified_client(sigstore: RunningSigstore, tmp_path: Path) -> None:
    """The client opens a browser that does not show itself: a program that follows the link as rosa, signed in."""
    with sigstore.server.opened() as app:
        app.do(add_user, AddUser("rosa"))
        with app.database.read() as sql:
            rosa = find_user(sql, "rosa")
        cookie = app.do(sign_in, SignIn(rosa, "127.0.0.1", "Tests"))
        token = form_token(app.key, cookie)
    known = f"site, cookie, token = {[sigstore.server.url, cookie, token]!r}\n"
    (tmp_path / "browser.py").write_text(known + BROWSER)
    (tmp_path / "trust.json").write_text(sigstore.get("/trust_config.json").text)
    (tmp_path / "file").write_bytes(BODY)
    browser = f"{sys.executable} {tmp_path / 'browser.py'} %s"
    client = [sys.executable, "-m", "sigstore", "--trust-config", "trust.json"]
    run("env", f"BROWSER={browser}", *client, "sign", "file", home=tmp_path)
    who = ["--cert-identity", f"{sigstore.server.url}/user/rosa", "--cert-oidc-issuer", f"{sigstore.base}/oidc"]
    assert "OK" in run(*client, "verify", "identity", "--offline", *who, "file", home=tmp_path)


BROWSER = """
import sys
from urllib.parse import urljoin
import httpx2 as httpx

address = sys.argv[1]
for _ in range(5):
    sent = {"cookie": f"__Host-session={cookie}"} if address.startswith(site) else {}
    answer = httpx.get(address, headers=sent)
    if answer.status_code not in (302, 303):
        break
    address = urljoin(address, answer.headers["location"])
asked = httpx.post(address, data={"csrf": token}, headers=sent)
back = asked.headers["refresh"].removeprefix("0; url=")
assert httpx.get(back).status_code == 200
"""


def test_killed_at_any_moment_the_log_holds_all_that_was_answered(tmp_path: Path) -> None:
    with running_sigstore(tmp_path) as sigstore:
        answered: list[dict[str, object]] = []
        holders = [Holder.at(sigstore) for _ in range(3)]

        def sign(holder: Holder, name: str) -> None:
            for number in range(1000):
                try:
                    answer = sigstore.post("/api/v2/log/entries", holder.request_v2(f"{name} {number}".encode()))
                    answered.append(answer.json())
                except (httpx.TransportError, ValueError):
                    return

        signers = [threading.Thread(target=sign, args=(one, str(place))) for place, one in enumerate(holders)]
        for one in signers:
            one.start()
        while len(answered) < 12:
            signers[0].join(0.01)
        before = sigstore.get("/api/v1/log").json()
        sigstore.server.kill()
        for one in signers:
            one.join()
        sigstore.server.start()
        now = sigstore.get("/api/v1/log").json()
        assert now["treeSize"] >= max(int(str(one["logIndex"])) + 1 for one in answered)
        for entry in answered:
            (found,) = sigstore.get(f"/api/v1/log/entries?logIndex={entry['logIndex']}").json().values()
            assert found["body"] == entry["canonicalizedBody"]
        sizes = f"firstSize={before['treeSize']}&lastSize={now['treeSize']}"
        proof = [bytes.fromhex(one) for one in sigstore.get(f"/api/v1/log/proof?{sizes}").json()["hashes"]]
        roots = [bytes.fromhex(one["rootHash"]) for one in (before, now)]
        assert is_consistent(before["treeSize"], roots[0], now["treeSize"], roots[1], proof)
