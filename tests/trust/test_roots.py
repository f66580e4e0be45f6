"""Trust roots in the settings: Sigstore's own, and any number of an operator's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from attesting import House
from clock import TurnableClock
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Unavailable
from customhouse.trust.roots import PUBLIC_GOOD, roots_of


def settings(folder: Path, *roots: dict[str, object], **others: object) -> Settings:
    return Settings.model_validate({"data": folder / "data", "trust_roots": roots, **others})


@pytest.fixture
def house_root(tmp_path: Path, clock: TurnableClock) -> Path:
    path = tmp_path / "house.json"
    path.write_text(House(clock).trusted_root)
    return path


def test_sigstores_public_root_comes_with_the_program(tmp_path: Path) -> None:
    (root,) = roots_of(settings(tmp_path))
    assert root.name == PUBLIC_GOOD
    authorities = json.loads(root.text)["certificateAuthorities"]
    assert {one["uri"] for one in authorities} == {"https://fulcio.sigstore.dev"}


def test_an_operator_adds_his_own_or_trusts_nobody_else(tmp_path: Path, house_root: Path) -> None:
    own = {"name": "house", "path": house_root, "issuers": ["https://ci.example.org"]}
    assert [root.name for root in roots_of(settings(tmp_path, own))] == [PUBLIC_GOOD, "house"]
    (root,) = roots_of(settings(tmp_path, own, public_good_root=False))
    assert (root.text, root.issuers) == (house_root.read_bytes(), ("https://ci.example.org",))
    assert roots_of(settings(tmp_path, public_good_root=False)) == ()


@pytest.mark.parametrize("names", [("house", "house"), ("sigstore",), ("House",), ("",), ("a b",)])
def test_each_root_has_a_name_of_its_own(names: tuple[str, ...], tmp_path: Path, house_root: Path) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path, *({"name": name, "path": house_root} for name in names))


@pytest.mark.slow
def test_the_server_does_not_start_without_a_root_that_it_was_told_of(tmp_path: Path) -> None:
    roots = json.dumps([{"name": "house", "path": str(tmp_path / "gone.json")}])
    environment = {**os.environ, "CUSTOMHOUSE_DATA": str(tmp_path / "data"), "CUSTOMHOUSE_TRUST_ROOTS": roots}
    for command in ("serve", "web"):
        done = subprocess.run(
            [sys.executable, "-m", "customhouse", command],
            env=environment, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 4
        assert "The trust root house is not available" in done.stderr
        assert "gone.json cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read"),
        ("", "is no JSON"),
        ("[]", "is no application/vnd.dev.sigstore.trustedroot"),
        ('{"mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"}', "is no application"),
        ('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}', "has no certificateAuthorities"),
        ("odd log", "is odd at tlogs.0"),
        ("odd certificate", "holds a certificate that is none"),
    ],
    ids=["missing", "empty", "list", "another thing", "nothing in it", "an odd log", "an odd certificate"],
)
def test_a_root_that_cannot_be_used_is_told_at_the_start(
    text: str | None, why: str, tmp_path: Path, clock: TurnableClock
) -> None:
    path = tmp_path / "root.json"
    whole = json.loads(House(clock).trusted_root)
    if text == "odd log":
        text = json.dumps({**whole, "tlogs": [{"baseUrl": 1}]})
    if text == "odd certificate":
        whole["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = "AAAA"
        text = json.dumps(whole)
    if text is not None:
        path.write_text(text)
    with pytest.raises(Unavailable, match=why):
        roots_of(settings(tmp_path, {"name": "house", "path": path}))
