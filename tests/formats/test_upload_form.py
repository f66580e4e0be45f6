"""The upload form: what it must hold, and which claims differ from the file."""

from __future__ import annotations

import base64

import pytest

from customhouse.formats.metadata import CoreMetadata
from customhouse.formats.upload_form import check_form, compare_form
from customhouse.terms.errors import Rejected

NINES = "9" * 5000
"""More digits than Python converts to a number."""
GOOD = {
    ":action": "file_upload", "protocol_version": "1", "name": "demo", "version": "1.0", "filetype": "bdist_wheel",
    "sha256_digest": "ab" * 32,
}  # fmt: skip
FILE = CoreMetadata(
    "2.4", "Demo", "1.0.0", summary="A demo", requires_python=">=3.8, <4", requires_dist=("Foo.Bar>=1", "idna"),
    classifiers=("Topic :: Utilities",), license_expression="MIT",
)  # fmt: skip


def fields(*more: tuple[str, str], without: str = "") -> list[tuple[str, str]]:
    given = dict(more)
    kept = [(key, value) for key, value in GOOD.items() if key != without and key not in given]
    return [*kept, *more]


def test_a_form_is_read() -> None:
    form = check_form(fields(("classifiers", "a"), ("classifiers", "b"), ("summary", "UNKNOWN")))
    assert (form.name, form.version, form.filetype) == ("demo", "1.0", "bdist_wheel")
    assert form.lists == {"classifiers": ("a", "b")}
    assert "summary" not in form.texts
    assert form.digests == {"sha256_digest": "ab" * 32}


def test_md5_may_come_as_the_old_documentation_said() -> None:
    raw = bytes(range(16))
    sent = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert check_form(fields(("md5_digest", sent))).digests["md5_digest"] == raw.hex()
    assert check_form(fields(("md5_digest", raw.hex().upper()))).digests["md5_digest"] == raw.hex()


@pytest.mark.parametrize(
    ("sent", "where", "code"),
    [
        (fields(without=":action"), ":action", "bad-form"),
        (fields((":action", "submit")), ":action", "bad-form"),
        (fields(("protocol_version", "2")), "protocol_version", "bad-form"),
        (fields(("filetype", "bdist_egg")), "filetype", "bad-form"),
        (fields(("filetype", "sdist"), ("pyversion", "py3")), "pyversion", "bad-form"),
        (fields(without="name"), "name", "bad-form"),
        (fields(without="version"), "version", "bad-form"),
        (fields(without="sha256_digest"), "sha256_digest", "no-digest"),
        (fields(("sha256_digest", "xyz")), "sha256_digest", "bad-digest"),
        (fields(("md5_digest", "short")), "md5_digest", "bad-digest"),
        ([*fields(), ("name", "other")], "name", "bad-form"),
        (fields(("attestations", "")), "attestations", "bad-attestation"),
        (fields(("attestations", " \r\n")), "attestations", "bad-attestation"),
        (fields(("attestations", "UNKNOWN")), "attestations", "bad-attestation"),
        ([*fields(), ("attestations", "[1]"), ("attestations", "[2]")], "attestations", "bad-form"),
        ([*fields(), ("attestations", "[1]"), ("attestations", "")], "attestations", "bad-attestation"),
    ],
)
def test_a_bad_form_is_refused_with_its_field(sent: list[tuple[str, str]], where: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_form(sent)
    assert (caught.value.where, caught.value.code) == (where, code)


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [("name", "DEMO"), ("version", "1.0")],
        [("requires_python", "<4,>=3.8")],
        [("requires_dist", "idna"), ("requires_dist", "foo-bar >=1")],
        [("summary", "a  DEMO")],
        [("classifiers", "Topic :: Utilities")],
        [("license_expression", "mit")],
    ],
)
def test_claims_that_mean_the_same_agree(claims: list[tuple[str, str]]) -> None:
    compare_form(
        check_form(fields(*claims) if len({key for key, _ in claims}) == len(claims) else fields() + claims), FILE
    )


@pytest.mark.parametrize(
    ("claims", "where"),
    [
        ([("name", "other")], "name"),
        ([("version", "1.1")], "version"),
        ([("version", "one")], "version"),
        ([("version", NINES)], "version"),
        ([("metadata_version", "new")], "metadata_version"),
        ([("requires_python", ">=3.9")], "requires_python"),
        ([("requires_python", "three")], "requires_python"),
        ([("requires_python", f">={NINES}")], "requires_python"),
        ([("requires_dist", "idna")], "requires_dist"),
        ([("requires_dist", "idna"), ("requires_dist", "foo-bar>=1"), ("requires_dist", "evil")], "requires_dist"),
        ([("requires_dist", "???")], "requires_dist"),
        ([("requires_dist", f"idna>={NINES}"), ("requires_dist", "foo-bar>=1")], "requires_dist"),
        ([("summary", "Something else")], "summary"),
        ([("classifiers", "Topic :: Other")], "classifiers"),
        ([("license_expression", "Apache-2.0")], "license_expression"),
        ([("import_names", "demo")], "import_names"),
    ],
)
def test_a_claim_that_differs_is_named(claims: list[tuple[str, str]], where: str) -> None:
    sent = [pair for pair in fields() if pair[0] not in dict(claims)] + claims
    with pytest.raises(Rejected) as caught:
        compare_form(check_form(sent), FILE)
    assert caught.value.where == where
