"""Attestations at the gate: what verifies, and one refusal for each way to cheat (A58)."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from attesting import COMMIT, RELEASE, House, Workflow, changed
from clock import TurnableClock
from customhouse.formats.attestations import PUBLISH, SLSA, parse_attestations, statement_bytes
from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.trust import signer_identity as identities
from customhouse.trust.certificate import signer_of
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.private_sigstore.ct import TimestampLog
from customhouse.trust.roots import PUBLIC_GOOD, Root, public_good_root
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.verify import Verified, verify_attestations
from memory_sigstore import PrivateSigstore, new_key
from packages import wheel

DATA = Path(__file__).parent.parent / "data" / "attestations"
DIST = wheel()
FILE = (DIST.filename, DIST.sha256)
OTHER_DIGEST = "f" * 64


@pytest.fixture
def house(clock: TurnableClock) -> House:
    return House(clock)


def verify(
    house: House, *attestations: Any, by: SignerIdentity | None = RELEASE.expected, roots: list[Root] | None = None,
    file: tuple[str, str] = FILE,
) -> tuple[Verified, ...]:  # fmt: skip
    return verify_attestations(
        json.dumps(attestations), *file, by, roots if roots is not None else [house.root], house.clock.now()
    )


def test_what_the_publisher_has_signed_is_verified_and_told(house: House) -> None:
    publish, slsa = verify(house, house.attestation(*FILE), house.attestation(*FILE, slsa=True))
    assert (publish.predicate_type, slsa.predicate_type) == (PUBLISH, SLSA)
    assert publish.trust_root == "house"
    assert publish.publisher["kind"] == "GitHub"
    assert publish.publisher["repository"] == "octo/demo"
    assert publish.publisher["workflow"] == "release.yml"
    assert publish.publisher["environment"] == "pypi"
    assert publish.publisher["claims"]["commit"] == COMMIT  # type: ignore[index] # an object
    assert slsa.summary == {
        "builder": RELEASE.uri,
        "build_type": "https://actions.github.io/buildtypes/workflow/v1",
        "repository": "https://github.com/octo/demo",
        "commit": COMMIT,
        "workflow": ".github/workflows/release.yml",
        "run": "https://github.com/octo/demo/actions/runs/1/attempts/1",
    }
    assert abs(publish.signed_at - house.clock.now()) < timedelta(seconds=2)


def _entry(*path: str, to: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda one: changed(one, "verification_material", "transparency_entries", 0, *path, to=to)


def _flipped(text: str) -> str:
    """The same base64 with one bit of its last byte turned."""
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def _with_flipped(*path: str | int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def turn(one: dict[str, Any]) -> dict[str, Any]:
        place: Any = one
        for step in path:
            place = place[step]
        return changed(one, *path, to=_flipped(place))

    return turn


ENTRY = ("verification_material", "transparency_entries", 0)
TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a signature with a bit turned": (_with_flipped("envelope", "signature"), "attestation-unverified"),
    "a certificate with a bit turned": (_with_flipped("verification_material", "certificate"), "attestation-unverified"),
    "no entry of a log": (lambda one: changed(one, *ENTRY[:2], to=[]), "bad-attestation"),
    "an entry that is none": (lambda one: changed(one, *ENTRY, to=7), "bad-attestation"),
    "five entries": (
        lambda one: changed(one, *ENTRY[:2], to=[one["verification_material"]["transparency_entries"][0]] * 5),
        "bad-attestation",
    ),
    "no inclusion proof": (_entry("inclusionProof", to=None), "bad-attestation"),
    "no checkpoint": (_entry("inclusionProof", "checkpoint", to=None), "attestation-unverified"),
    "a proof of other hashes": (_entry("inclusionProof", "hashes", to=["AAAA"]), "attestation-unverified"),
    "a proof of too many hashes": (_entry("inclusionProof", "hashes", to=["AAAA"] * 65), "bad-attestation"),
    "another root hash": (_with_flipped(*ENTRY, "inclusionProof", "rootHash"), "attestation-unverified"),
    "another place in the log": (_entry("inclusionProof", "logIndex", to="7"), "attestation-unverified"),
    "a larger tree": (_entry("inclusionProof", "treeSize", to="9"), "attestation-unverified"),
    "a promise with a bit turned": (_with_flipped(*ENTRY, "inclusionPromise", "signedEntryTimestamp"), "attestation-unverified"),
    "no promise": (_entry("inclusionPromise", to=None), "attestation-unverified"),
    "no time": (_entry("integratedTime", to=None), "attestation-unverified"),
    "another time": (_entry("integratedTime", to="1795521700"), "attestation-unverified"),
    "a time beyond all calendars": (_entry("integratedTime", to="18446744073709551615"), "attestation-unverified"),
    "a time of five thousand digits": (_entry("integratedTime", to="9" * 5000), "attestation-unverified"),
    "a time that is no text": (_entry("integratedTime", to=[1]), "attestation-unverified"),
    "another kind of entry": (_entry("kindVersion", "kind", to="hashedrekord"), "attestation-unverified"),
    "an entry with something more": (_entry("comment", to="x"), "attestation-unverified"),
    "a body that is none": (_entry("canonicalizedBody", to="e30="), "attestation-unverified"),
    "a checkpoint that is none": (_entry("inclusionProof", "checkpoint", "envelope", to="x"), "attestation-unverified"),
    "version 2": (lambda one: changed(one, "version", to=2), "bad-attestation"),
    "version true": (lambda one: changed(one, "version", to=True), "bad-attestation"),
    "no version": (lambda one: changed(one, "version", to=None), "bad-attestation"),
    "no envelope": (lambda one: changed(one, "envelope", to=None), "bad-attestation"),
    "no material": (lambda one: changed(one, "verification_material", to=None), "bad-attestation"),
    "a certificate that is none": (
        lambda one: changed(one, "verification_material", "certificate", to="AAAA"), "attestation-unverified",
    ),
    "a certificate of ten thousand bytes": (
        lambda one: changed(one, "verification_material", "certificate", to="A" * 10_000 * 4), "bad-attestation",
    ),
    "a signature in another base64": (lambda one: changed(one, "envelope", "signature", to="_-_-"), "bad-attestation"),
    "a number in its place": (lambda _: 1, "bad-attestation"),
    "nothing in its place": (lambda _: None, "bad-attestation"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED, ids=list(TAMPERED))
def test_whatever_is_tampered_with_is_refused(how: str, house: House) -> None:
    house.attestation("other-1.0.tar.gz", OTHER_DIGEST)  # so that the log has an entry and the proof a hash
    tamper, code = TAMPERED[how]
    good = house.attestation(*FILE)
    verify(house, good)
    with pytest.raises(Rejected) as refusal:
        verify(house, house.attestation(*FILE, slsa=True), tamper(good))
    assert refusal.value.code == code
    assert refusal.value.where.startswith("attestations[1]"), "it does not say which"


STATEMENTS: dict[str, tuple[bytes, str]] = {
    "another file": (statement_bytes("other-1.0-py3-none-any.whl", DIST.sha256), "attestation-of-another-file"),
    "another version": (statement_bytes("demo-1.1-py3-none-any.whl", DIST.sha256), "attestation-of-another-file"),
    "another tag": (statement_bytes("demo-1.0-py2-none-any.whl", DIST.sha256), "attestation-of-another-file"),
    "no distribution": (statement_bytes("demo.exe", DIST.sha256), "attestation-of-another-file"),
    "other bytes": (statement_bytes(DIST.filename, OTHER_DIGEST), "attestation-of-another-file"),
    "a digest in capitals": (statement_bytes(DIST.filename, DIST.sha256.upper()), "bad-attestation"),
    "no SHA-256": (statement_bytes(*FILE).replace(b'"sha256"', b'"sha512"'), "bad-attestation"),
    "MD5 besides": (statement_bytes(*FILE).replace(b'{"sha256"', b'{"md5":"0","sha256"'), "bad-attestation"),
    "an unknown kind": (statement_bytes(*FILE, "https://example.org/mine"), "bad-attestation"),
    "a publish attestation that says more": (statement_bytes(*FILE, PUBLISH, {"x": 1}), "bad-attestation"),
    "two files": (
        statement_bytes(*FILE).replace(b'"subject":[', b'"subject":[{"name":"x","digest":{"sha256":"0"}},'),
        "bad-attestation",
    ),
    "a key twice": (statement_bytes(*FILE).replace(b'{"_type"', b'{"predicate":{},"_type"'), "bad-attestation"),
    "a file without a name": (statement_bytes("", DIST.sha256), "bad-attestation"),
    "a predicate that is a list": (
        statement_bytes(*FILE, SLSA).replace(b'"predicate":null', b'"predicate":[1]'),
        "bad-attestation",
    ),
    "another statement": (statement_bytes(*FILE).replace(b"Statement/v1", b"Statement/v0.1"), "bad-attestation"),
    "no JSON": (b"demo", "bad-attestation"),
    "no UTF-8": (b"\xff", "bad-attestation"),
    "a predicate nested too deeply": (
        statement_bytes(*FILE, SLSA).replace(b'"predicate":null', b'"predicate":{"x":' + b"[" * 99 + b"]" * 99 + b"}"),
        "bad-attestation",
    ),
}


@pytest.mark.parametrize("about", STATEMENTS, ids=list(STATEMENTS))
def test_a_statement_about_anything_else_is_refused_however_well_signed(about: str, house: House) -> None:
    statement, code = STATEMENTS[about]
    with pytest.raises(Rejected) as refusal:
        verify(house, house.sigstore.sign(statement, RELEASE.identity))
    assert refusal.value.code == code


def test_a_bundle_of_an_older_file_is_refused_for_a_new_one(house: House) -> None:
    old = wheel(version="0.9")
    replayed = house.field(old)
    with pytest.raises(Rejected, match=r"is about 'demo-0\.9-py3-none-any\.whl'"):
        verify_attestations(replayed, *FILE, RELEASE.expected, [house.root], house.clock.now())


def test_the_name_may_be_spelt_otherwise(house: House) -> None:
    dist = wheel("the-demo", "1.0")
    assert verify(
        house,
        house.attestation("The.Demo-1.0.0-py3-none-any.whl", dist.sha256),
        file=("the_demo-1.0.0-py3-none-any.whl", dist.sha256),
    )


@pytest.mark.parametrize(
    "by",
    [
        Workflow(repository="evil/demo"),
        Workflow(workflow="test.yml"),
        Workflow(repository="octo/demo-fork"),
    ],
    ids=["repository", "workflow", "repository with the same beginning"],
)
def test_somebody_elses_attestation_is_refused(by: Workflow, house: House) -> None:
    with pytest.raises(Rejected) as refusal:
        verify(house, house.attestation(*FILE, by))
    assert refusal.value.code == "attestation-of-another-publisher"


def test_a_certificate_with_another_build_config_is_refused(house: House) -> None:
    """The reusable workflow of somebody else, called with our repository's name, is not the publisher's."""
    claims = {**RELEASE.identity.claims}
    for uri in (
        "https://github.com/octo/demo/.github/workflows/other.yml@refs/tags/v1.0",
        "https://github.com/evil/tools/.github/workflows/release.yml@refs/tags/v1.0",
        "https://github.com/octo/demo/.github/workflows/release.yml@refs/tags/v9.9",
        "https://github.com/octo/demo/.github/workflows/release.yml",
    ):
        forged = OidcIdentity(RELEASE.identity.issuer, uri, {**claims, "build_config_uri": uri})
        with pytest.raises(Rejected) as refusal:
            verify(house, house.attestation(*FILE, identity=forged))
        assert refusal.value.code == "attestation-of-another-publisher"
        assert uri in refusal.value.why


@pytest.mark.parametrize("missing", ["build_config_uri", "repository_uri"])
def test_a_certificate_that_does_not_say_it_is_refused(missing: str, house: House) -> None:
    claims = {name: value for name, value in RELEASE.identity.claims.items() if name != missing}
    with pytest.raises(Rejected) as refusal:
        verify(house, house.attestation(*FILE, identity=replace(RELEASE.identity, claims=claims)))
    assert refusal.value.code == "attestation-of-another-publisher"


def test_another_issuer_that_says_the_same_is_refused(house: House) -> None:
    with pytest.raises(Rejected, match=r"vouched for by https://evil\.example"):
        verify(house, house.attestation(*FILE, identity=replace(RELEASE.identity, issuer="https://evil.example")))


def test_a_letter_of_another_alphabet_that_folds_to_one_of_ascii_is_another_letter(house: House) -> None:
    """U+212A, the sign of Kelvin, folds to k: ``to\u212aens`` is not the repository ``tokens``."""
    signed = house.attestation(*FILE, Workflow(repository="octo/to\u212aens"))
    with pytest.raises(Rejected) as refusal:
        verify(house, signed, by=identities.github("octo/tokens", "release.yml"))
    assert refusal.value.code == "attestation-of-another-publisher"
    assert verify(house, house.attestation(*FILE, Workflow(repository="octo/Tokens")),
                  by=identities.github("octo/tokens", "release.yml"))  # fmt: skip


def test_a_repository_made_anew_under_the_same_name_is_somebody_elses(house: House) -> None:
    known = replace(RELEASE.expected, repository_id="1296269", owner_id="583231")
    assert verify(house, house.attestation(*FILE), by=known)
    with pytest.raises(Rejected, match="the repository numbered 666"):
        verify(house, house.attestation(*FILE, Workflow(repository_id="666")), by=known)
    with pytest.raises(Rejected, match="the owner numbered 583231 and not 1"):
        verify(house, house.attestation(*FILE), by=replace(known, owner_id="1"))


def test_the_repository_is_spelt_as_in_the_certificate_whatever_the_publisher_was_told(house: House) -> None:
    found = verify(house, house.attestation(*FILE), by=identities.github("Octo/Demo", "release.yml"))
    assert found[0].publisher["repository"] == "octo/demo"


OTHERS: dict[str, tuple[SignerIdentity, OidcIdentity, str]] = {
    "GitLab": (
        identities.gitlab("guild/tools/demo", "ci/release.yml"),
        OidcIdentity("https://gitlab.com", "https://gitlab.com/guild/tools/demo//ci/release.yml@refs/tags/v1", {
            "repository_uri": "https://gitlab.com/guild/tools/demo", "ref": "refs/tags/v1", "commit": COMMIT,
            "build_config_uri": f"https://gitlab.com/guild/tools/demo//ci/release.yml@{COMMIT}",
        }),
        "guild/tools/demo",
    ),
    "GitLab of one's own": (
        identities.gitlab("guild/demo", issuer="https://git.example.org"),
        OidcIdentity("https://git.example.org", "https://git.example.org/guild/demo//.gitlab-ci.yml@refs/heads/main", {
            "repository_uri": "https://git.example.org/guild/demo", "ref": "refs/heads/main",
            "build_config_uri": "https://git.example.org/guild/demo//.gitlab-ci.yml@refs/heads/main",
        }),
        "guild/demo",
    ),
    "Google": (
        identities.google("releaser@project.iam.gserviceaccount.com"),
        OidcIdentity("https://accounts.google.com", "releaser@project.iam.gserviceaccount.com"),
        "releaser@project.iam.gserviceaccount.com",
    ),
    "ActiveState": (
        identities.activestate("org:guild:project:demo"),
        OidcIdentity(identities.ACTIVESTATE_ISSUER, "org:guild:project:demo"),
        f"{identities.ACTIVESTATE_ISSUER}#org%3Aguild%3Aproject%3Ademo",
    ),
    "any issuer, a URI": (
        identities.custom("https://ci.example.org", "https://ci.example.org/builds/demo"),
        OidcIdentity("https://ci.example.org", "https://ci.example.org/builds/demo"),
        "https://ci.example.org/builds/demo",
    ),
    "any issuer, a word": (
        identities.custom("https://ci.example.org", "repo:guild/démo ref:main"),
        OidcIdentity("https://ci.example.org", "repo:guild/démo ref:main"),
        "https://ci.example.org#repo%3Aguild%2Fd%C3%A9mo%20ref%3Amain",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS, ids=list(OTHERS))
def test_each_kind_of_publisher_is_known_by_its_certificate_and_by_no_other(kind: str, house: House) -> None:
    expected, identity, told = OTHERS[kind]
    found = verify(house, house.attestation(*FILE, identity=identity), by=expected)
    assert told in found[0].publisher.values()
    assert found[0].publisher["kind"] == expected.kind
    for other, (_, foreign, _) in OTHERS.items():
        if other != kind:
            with pytest.raises(Rejected) as refusal:
                verify(house, house.attestation(*FILE, identity=foreign), by=expected)
            assert refusal.value.code == "attestation-of-another-publisher"


def test_who_is_no_trusted_publisher_can_attest_nothing(house: House) -> None:
    with pytest.raises(Rejected, match="only trusted publishers"):
        verify(house, house.attestation(*FILE), by=None)


def test_a_certificate_that_was_over_when_the_log_saw_it_is_refused(clock: TurnableClock, house: House) -> None:
    key, statement = new_key(), statement_bytes(*FILE)
    certificate = house.sigstore.certificate(RELEASE.identity, key.private.public_key())
    clock.turn(timedelta(minutes=11))
    signature = key.sign(pae(IN_TOTO, statement))
    late = house.attestation(*FILE)
    late = changed(late, "envelope", "signature", to=base64.b64encode(signature).decode())
    raw = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    late = changed(late, "verification_material", "certificate", to=raw)
    entry = house.sigstore.log.add(statement, signature, certificate)
    late = changed(late, "verification_material", "transparency_entries", to=[entry])
    with pytest.raises(Rejected, match=r"does not verify: .*valid") as refusal:
        verify(house, late)
    assert refusal.value.code == "attestation-unverified"


def test_what_was_signed_in_the_future_is_refused(clock: TurnableClock, house: House) -> None:
    now = clock.now()
    clock.turn(timedelta(hours=1))
    text = house.field(DIST)
    with pytest.raises(Rejected) as refusal:
        verify_attestations(text, *FILE, RELEASE.expected, [house.root], now)
    assert refusal.value.code == "attestation-from-the-future"


def test_an_old_attestation_of_the_same_file_still_verifies(clock: TurnableClock, house: House) -> None:
    """A build may wait for its release; the certificate needs to have been good when it was used."""
    old = house.attestation(*FILE)
    clock.turn(timedelta(days=200))
    assert verify(house, old)


def test_the_key_of_another_log_is_refused(clock: TurnableClock, house: House) -> None:
    """The certificate is ours, and what says that it is in the log is not."""
    stranger = House(clock, "stranger")
    good, statement = house.attestation(*FILE), statement_bytes(*FILE)
    key = new_key()
    certificate = house.sigstore.certificate(RELEASE.identity, key.private.public_key())
    signature = key.sign(pae(IN_TOTO, statement))
    forged = changed(good, "envelope", "signature", to=base64.b64encode(signature).decode())
    raw = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    forged = changed(forged, "verification_material", "certificate", to=raw)
    own_log = house.sigstore.log.add(statement, signature, certificate)
    assert verify(house, changed(forged, "verification_material", "transparency_entries", to=[own_log]))
    other_log = stranger.sigstore.log.add(statement, signature, certificate)
    for entries in ([other_log], [own_log, other_log], [other_log, own_log]):
        with pytest.raises(Rejected, match="does not verify"):
            verify(house, changed(forged, "verification_material", "transparency_entries", to=entries))


def test_a_certificate_of_another_authority_is_refused(clock: TurnableClock, house: House) -> None:
    stranger, namesake = House(clock, "stranger"), House(clock, "house")
    with pytest.raises(Rejected, match="no trust root of this index knows"):
        verify(house, stranger.attestation(*FILE))
    assert verify(house, namesake.attestation(*FILE)), "the same seed gives the same keys"
    namesake.sigstore = PrivateSigstore.open(clock, b"another seed", "house")
    with pytest.raises(Rejected, match="does not verify"):
        verify(house, namesake.attestation(*FILE))


def test_a_certificate_without_a_signed_timestamp_of_ours_is_refused(house: House) -> None:
    house.sigstore.authority._timestamps = TimestampLog(new_key())
    with pytest.raises(Rejected, match="SCT"):
        verify(house, house.attestation(*FILE))


def test_a_certificate_for_another_kind_of_key_is_refused(house: House) -> None:
    """PEP 740 ties version 1 to ECDSA over P-256; a verifier that casts would fall over an RSA key."""
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        made = house.sigstore.certificate(RELEASE.identity, key.public_key())  # type: ignore[arg-type] # on purpose
        raw = base64.b64encode(made.public_bytes(Encoding.DER)).decode()
        with pytest.raises(Rejected, match="its key is not one of ECDSA over P-256"):
            verify(house, changed(house.attestation(*FILE), "verification_material", "certificate", to=raw))


def test_a_certificate_that_names_nobody_is_nobodys(clock: TurnableClock) -> None:
    key, now = new_key(), clock.now()
    made = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
        .public_key(key.private.public_key()).not_valid_before(now).not_valid_after(now + timedelta(minutes=1))
        .sign(key.private, hashes.SHA256())
    )  # fmt: skip
    signer = signer_of(made)
    assert (signer.names, signer.issuer) == (frozenset(), "")
    for expected, _, _ in OTHERS.values():
        assert identities.mismatch(expected, signer) == f"was vouched for by nobody and not by {expected.issuer}"
    anonymous = replace(signer, claims={"issuer": identities.GOOGLE_ISSUER})
    assert "is for nobody" in identities.mismatch(OTHERS["Google"][0], anonymous)


def test_each_root_is_tried_and_the_right_one_named(clock: TurnableClock, house: House) -> None:
    other = House(clock, "other")
    roots = [public_good_root(), house.root, other.root]
    assert verify(house, other.attestation(*FILE), roots=roots)[0].trust_root == "other"
    assert verify(house, house.attestation(*FILE), roots=roots)[0].trust_root == "house"
    with pytest.raises(Rejected, match="no trust root"):
        verify(house, house.attestation(*FILE), roots=[])


def test_roots_of_the_same_name_are_told_apart_by_their_keys(clock: TurnableClock, house: House) -> None:
    namesake = House(clock, "namesake")
    namesake.sigstore = PrivateSigstore.open(clock, b"other keys", "house")
    assert namesake.sigstore.authority.certificate.subject == house.sigstore.authority.certificate.subject
    for roots in ([house.root, namesake.root], [namesake.root, house.root]):
        assert verify(house, house.attestation(*FILE), roots=roots)[0].trust_root == "house"
        assert verify(house, namesake.attestation(*FILE), roots=roots)[0].trust_root == "namesake"


def test_a_root_that_breaks_later_is_the_operators_fault_and_no_crash(house: House) -> None:
    with pytest.raises(Unavailable, match="The trust root broken is not available"):
        verify(house, house.attestation(*FILE), roots=[Root("broken", b"{}"), house.root])


def test_a_root_for_one_issuer_is_believed_about_no_other(house: House) -> None:
    narrow = replace(house.root, issuers=("https://ci.example.org",))
    expected, identity, _ = OTHERS["any issuer, a URI"]
    assert verify(house, house.attestation(*FILE, identity=identity), by=expected, roots=[narrow])
    with pytest.raises(Rejected, match="which the root house may not"):
        verify(house, house.attestation(*FILE), roots=[narrow])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JSON"),
        ("[]", "at least one"),
        ("{}", "no list"),
        ("null", "no list"),
        ("[1]", "no object"),
        ("[NaN]", "NaN"),
        ('["\\ud800"]', "half a character"),
        ('[{"version":1,"version":1}]', "twice"),
        ("[" * 100_000, "deeply"),
        ("[" * 70 + "]" * 70, "deep"),
        ("[" + "1" * 5000 + "]", "JSON"),
        ("[" + ",".join(["{}"] * 100) + "]", "holds 100 attestations"),
        ('["' + "x" * 10_000_000 + '"]', "too many"),
    ],
    ids=["nothing", "empty", "object", "null", "number", "NaN", "half", "twice", "bomb", "deep", "digits", "hundred",
         "ten megabytes"],
)  # fmt: skip
def test_garbage_is_refused_before_any_signature_is_looked_at(text: str, why: str, house: House) -> None:
    with pytest.raises(Rejected, match=why) as refusal:
        verify_attestations(text, *FILE, RELEASE.expected, [house.root], house.clock.now())
    assert refusal.value.code == "bad-attestation"


def test_no_accident_of_bits_does_more_than_be_refused(house: House) -> None:
    """Bytes turned anywhere in the certificate, the statement or the log's entry: refused, or the same values."""
    house.attestation("other-1.0.tar.gz", OTHER_DIGEST)
    good, dice = house.attestation(*FILE), random.Random(740)  # noqa: S311 - no secret
    proved = verify(house, good)[0]
    places: list[tuple[str | int, ...]] = [
        ("verification_material", "certificate"), ("envelope", "statement"), ("envelope", "signature"),
        (*ENTRY, "canonicalizedBody"), (*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
        (*ENTRY, "inclusionProof", "rootHash"), (*ENTRY, "inclusionProof", "hashes", 0), (*ENTRY, "logId", "keyId"),
    ]  # fmt: skip
    for _ in range(600):
        path = dice.choice(places)
        place: Any = good
        for step in path:
            place = place[step]
        raw = bytearray(base64.b64decode(place))
        for _ in range(dice.randint(1, 3)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        try:
            found = verify(house, changed(good, *path, to=base64.b64encode(raw).decode()))
        except Rejected:
            continue
        assert found[0].publisher == proved.publisher


def test_two_of_one_kind_are_refused(house: House) -> None:
    with pytest.raises(Rejected, match="two attestations of the kind"):
        verify(house, house.attestation(*FILE), house.attestation(*FILE))


def test_one_bad_attestation_refuses_the_good_one_beside_it(house: House) -> None:
    good = house.attestation(*FILE)
    bad = _with_flipped("envelope", "signature")(house.attestation(*FILE, slsa=True))
    for order in ((good, bad), (bad, good)):
        with pytest.raises(Rejected, match=r"does not verify"):
            verify(house, *order)


def test_keys_that_nobody_has_verified_are_not_kept(house: House) -> None:
    more = changed(house.attestation(*FILE), "comment", to="trust me")
    more = changed(more, "verification_material", "timestamps", to=["x"])
    body = json.loads(verify(house, more)[0].body)
    assert body == house_object(more)


def house_object(attestation: dict[str, Any]) -> dict[str, Any]:
    """What PEP 740 names, and no more."""
    material = attestation["verification_material"]
    return {
        "version": 1,
        "verification_material": {name: material[name] for name in ("certificate", "transparency_entries")},
        "envelope": attestation["envelope"],
    }


def _real(*names: str) -> str:
    return "[" + ",".join((DATA / name).read_text() for name in names) + "]"


REAL = [
    (
        ("pypi_attestations-0.0.19.publish.json", "pypi_attestations-0.0.19.slsa.json"),
        identities.github("trailofbits/pypi-attestations", "release.yml"),
        datetime(2024, 12, 4, tzinfo=UTC),
    ),
    (
        ("gitlab_oidc_project-0.0.3.publish.json",),
        identities.gitlab("facutuesca/gitlab-oidc-project"),
        datetime(2024, 10, 1, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("names", "by", "after"), REAL, ids=["GitHub", "GitLab"])
def test_attestations_of_real_projects_verify_against_sigstores_public_root_offline(
    names: tuple[str, ...], by: SignerIdentity, after: datetime, clock: TurnableClock
) -> None:
    text = _real(*names)
    said = parse_attestations(text)[0].statement
    found = verify_attestations(text, said.subject, said.sha256, by, [public_good_root()], clock.now())
    assert [one.trust_root for one in found] == [PUBLIC_GOOD] * len(names)
    assert all(after < one.signed_at < datetime(2026, 1, 1, tzinfo=UTC) for one in found)
    with pytest.raises(Rejected) as refusal:
        verify_attestations(
            text, said.subject, said.sha256, replace(by, workflow="other.yml"), [public_good_root()], clock.now()
        )
    assert refusal.value.code == "attestation-of-another-publisher"
