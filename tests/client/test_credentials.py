"""What is shown at the door: where it is looked for, in which order, and trusted publishing as PEP 807 has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference_server import ReferenceServer, reference_server

from customhouse.client.address import Index
from customhouse.client.ambient import find_ambient
from customhouse.client.credentials import Fixed, Minted, Sources, find_credential
from customhouse.client.patience import Patience
from customhouse.client.trusted_publishing import refuse_foreign_audience
from customhouse.client.wire import Wire
from customhouse.terms.errors import CustomhouseError, Refused, Rejected

MINTED = (200, {"token": "minted", "expires": 2_000_000_000})


@pytest.fixture
def index() -> Iterator[ReferenceServer]:
    with reference_server() as started:
        started.discovery = {
            "audience-endpoint": f"{started.url}/audience", "token-mint-endpoint": f"{started.url}/mint",
        }  # fmt: skip
        started.mint_answer = MINTED
        yield started


@pytest.fixture
def wire(index: ReferenceServer) -> Iterator[Wire]:
    made = Wire(Index.parse(index.url), Patience(sleep=lambda _seconds: None))
    yield made
    made.close()


def found(
    wire: Wire, folder: Path, *, token: str = "", environment: dict[str, str] | None = None,
    token_file: Path | None = None,
) -> Fixed | Minted:  # fmt: skip
    environment = environment or {}
    ambient = find_ambient(environment, token_file)
    handed = token_file is not None or "CUSTOMHOUSE_OIDC_TOKEN" in environment
    return find_credential(Sources(token, environment, ambient, handed, folder / ".pypirc"), wire)


ORDER = [
    ("given", {"CUSTOMHOUSE_TOKEN": "ours", "CUSTOMHOUSE_OIDC_TOKEN": "jwt", "TWINE_PASSWORD": "twine"}, "given"),
    ("", {"CUSTOMHOUSE_TOKEN": "ours", "CUSTOMHOUSE_OIDC_TOKEN": "jwt", "TWINE_PASSWORD": "twine"}, "ours"),
    ("", {"CUSTOMHOUSE_OIDC_TOKEN": "jwt", "TWINE_PASSWORD": "twine"}, "minted"),
    ("", {"TWINE_PASSWORD": "twine", "UV_PUBLISH_TOKEN": "uv"}, "twine"),
    ("", {"UV_PUBLISH_TOKEN": "uv"}, "uv"), ("", {}, "from-pypirc"),
]  # fmt: skip


@pytest.mark.parametrize(("token", "environment", "expected"), ORDER, ids=[one[2] for one in ORDER])
def test_the_first_that_is_there_is_shown(
    index: ReferenceServer, wire: Wire, tmp_path: Path, token: str, environment: dict[str, str], expected: str
) -> None:
    (tmp_path / ".pypirc").write_text(
        f"[distutils]\nindex-servers = here\n[here]\nrepository = {index.url}/legacy/\nusername = __token__\npassword = from-pypirc\n"
    )
    assert found(wire, tmp_path, token=token, environment=environment).token == expected


def test_nothing_at_all_is_told_with_what_to_do(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"There is nothing to show at .* Make a token on your account's page"):
        found(wire, tmp_path)


def test_an_identity_from_a_file_is_traded_for_a_token_and_again_when_that_is_taken_no_more(
    index: ReferenceServer, wire: Wire, tmp_path: Path
) -> None:
    place = tmp_path / "jwt"
    place.write_text("first\n")
    credential = found(wire, tmp_path, token_file=place)
    assert credential.token == "minted"
    place.write_text("second\n")
    assert credential.renew()
    assert index.identities == ["first", "second"]


def test_an_identity_that_can_be_used_once_is_not_used_twice(wire: Wire, tmp_path: Path) -> None:
    assert not found(wire, tmp_path, environment={"CUSTOMHOUSE_OIDC_TOKEN": "jwt"}).renew()


def test_gitlab_hands_its_identity_over_by_name(
    index: ReferenceServer, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    jwt = f"{part({'alg': 'RS256'})}.{part({'aud': 'reference'})}.c2ln"
    for name in ("GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("REFERENCE_ID_TOKEN", jwt)
    credential = found(wire, tmp_path, environment={"GITLAB_CI": "true"})
    assert credential.where == "trusted publishing: GitLab CI"
    assert index.identities == [jwt]


def test_github_without_permission_falls_back_and_else_says_which_permission(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    environment = {"GITHUB_ACTIONS": "true"}
    with pytest.raises(Refused, match="permissions: id-token: write"):
        found(wire, tmp_path, environment=environment)
    assert found(wire, tmp_path, environment=environment | {"TWINE_PASSWORD": "stored"}).token == "stored"


@pytest.mark.parametrize(
    ("status", "document", "told"),
    [
        (422, {"message": "No.", "errors": [{"code": "invalid-publisher", "description": "No publisher of that workflow."}]}, "invalid-publisher: No publisher of that workflow."),
        (422, {"title": "No", "details": "It is used.", "errors": []}, "It is used."),
        (403, {"message": "\x1b]0;owned\x07 no"}, "U+001B]0;ownedU+0007 no"),
        (200, {"token": 7}, "its answer holds no token"),
        (503, {"message": "Keys are away."}, "it mints no tokens now: Keys are away."),
    ],
)  # fmt: skip
def test_refusals_of_an_exchange_tell_the_reasons(
    index: ReferenceServer, wire: Wire, tmp_path: Path, status: int, document: dict[str, object], told: str
) -> None:
    index.mint_answer = (status, document)
    with pytest.raises(CustomhouseError) as caught:
        found(wire, tmp_path, environment={"CUSTOMHOUSE_OIDC_TOKEN": "jwt"})
    assert told in str(caught.value)


def test_an_index_without_exchange_takes_a_stored_token_and_else_says_so(
    index: ReferenceServer, wire: Wire, tmp_path: Path
) -> None:
    index.discovery = None
    with pytest.raises(Refused, match="does not take identities of the ID token in CUSTOMHOUSE_OIDC_TOKEN"):
        found(wire, tmp_path, environment={"CUSTOMHOUSE_OIDC_TOKEN": "jwt"})
    assert not index.identities


@pytest.mark.parametrize("member", ["audience-endpoint", "token-mint-endpoint"])
@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "http://127.0.0.1:1/mint", "http://user@127.0.0.1/", "", None]
)
def test_an_identity_goes_to_the_index_alone(
    index: ReferenceServer, wire: Wire, tmp_path: Path, member: str, url: str | None
) -> None:
    assert index.discovery is not None
    index.discovery[member] = url
    with pytest.raises(Refused, match="not on its own host"):
        found(wire, tmp_path, environment={"CUSTOMHOUSE_OIDC_TOKEN": "jwt"})
    assert not index.identities


@pytest.mark.parametrize(
    "audience",
    ["pypi", "testpypi", "sigstore", "sts.amazonaws.com", "https://iam.googleapis.com/projects/1", "api://AzureADTokenExchange",
     "packages.example.org.evil.example", "https://packages.example.org@evil.example", "-x"],
)  # fmt: skip
def test_no_identity_is_made_out_for_somebody_else(audience: str) -> None:
    """An index that names the audience of PyPI or of a cloud would be handed the keys of this build there."""
    with pytest.raises(Refused, match="which is somebody else"):
        refuse_foreign_audience(audience, Index.parse("https://packages.example.org/"))


@pytest.mark.parametrize(
    "audience", ["packages.example.org", "https://packages.example.org", "https://packages.example.org/", "customhouse"]
)
def test_an_index_may_be_called_by_its_address_or_by_a_word_of_its_own(audience: str) -> None:
    refuse_foreign_audience(audience, Index.parse("https://packages.example.org/legacy/"))
    refuse_foreign_audience("pypi", Index.parse("https://upload.pypi.org/legacy/"))


def test_a_token_that_is_none_is_a_mistake_of_ours(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="is no token"):
        found(wire, tmp_path, token="two words")
    (tmp_path / ".pypirc").write_text("no section")
    with pytest.raises(Rejected, match="cannot be read as a"):
        found(wire, tmp_path)
