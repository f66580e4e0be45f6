"""The text of a token: read strictly, narrowed by anybody, widened by nobody (A18)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tokens import read_token, signature_of
from customhouse.formats.api_token import LONGEST, PATTERN, ApiToken, attenuate, redact, refuse_in_address
from customhouse.formats.caveats import caveats_of, scope_of
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import WHOLE, scope_for

KEY = ServerKey(b"k" * 32)
ID = "abcdefghijklmnopqrstuvwxyz"
PLAIN = f"ch1.{ID}.{signature_of(KEY, ID)}"
DEMO, UPLOAD = scope_for(projects=["demo"]), scope_for(actions=["upload"])
NARROW = attenuate(attenuate(PLAIN, DEMO), UPLOAD)


def by_the_book(token: str, *caveats: list[Any]) -> str:
    """The documented format, in ten lines that know nothing of ours."""
    *head, last = token.split(".")
    signature = base64.urlsafe_b64decode(last + "=")
    packed = head[2].split("~") if len(head) == 3 else []
    for caveat in caveats:
        written = json.dumps(caveat, separators=(",", ":")).encode()
        packed.append(base64.urlsafe_b64encode(written).decode().strip("="))
        signature = hmac.new(signature, packed[-1].encode(), hashlib.sha256).digest()
    return ".".join([*head[:2], "~".join(packed), base64.urlsafe_b64encode(signature).decode().strip("=")])


def good(text: str) -> bool:
    """Whether the server takes the text for a token of its own, whatever it allows."""
    with suppress(Refused):
        read_token(KEY, text)
        return True
    return False


def test_an_independent_implementation_agrees() -> None:
    until = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    scope = scope_for(projects=["other", "Demo"], versions=["<2,>=1"], actions=["yank", "upload"],
                      networks=["10.0.0.0/8"], not_before=until, expires=until)  # fmt: skip
    seconds = int(until.timestamp())
    theirs = by_the_book(
        PLAIN, ["project", "demo", "other"], ["version", "<2,>=1"], ["action", "upload", "yank"],
        ["network", "10.0.0.0/8"], ["not-before", seconds], ["expires", seconds],
    )  # fmt: skip
    assert theirs == attenuate(PLAIN, scope)
    assert read_token(KEY, theirs).scope == scope
    root = hmac.new(b"k" * 32, b"api-token\0" + ID.encode(), hashlib.sha256).digest()
    first = hmac.new(root, f"ch1.{ID}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(first).decode().strip("=") == PLAIN.split(".")[2]


def test_a_token_from_before_there_were_caveats_still_works_and_can_be_narrowed() -> None:
    token = ApiToken.parse(PLAIN)
    assert (token.caveats, token.scope, token.text) == ((), WHOLE, PLAIN)
    assert good(PLAIN)
    assert read_token(KEY, NARROW).scope == DEMO.and_also(UPLOAD)


def test_a18_no_caveat_is_taken_away_moved_changed_or_doubled() -> None:
    token = ApiToken.parse(NARROW)
    one, two = token.caveats
    other = caveats_of(scope_for(projects=["other"]))[0]
    for caveats in ((), (one,), (two,), (two, one), (other, two), (one, other), (one, two, two), (one, one, two),
                    (one, two, other), (other, one, two)):  # fmt: skip
        assert not good(ApiToken(ID, caveats, token.signature).text), caveats
    assert not good(ApiToken(ID.replace("a", "b"), token.caveats, token.signature).text)
    assert good(NARROW)


def test_a18_appending_a_wider_one_widens_nothing() -> None:
    wider = attenuate(NARROW, scope_for(projects=["demo", "other"], actions=["upload", "yank"]))
    assert good(wider)
    scope = read_token(KEY, wider).scope
    assert scope == DEMO.and_also(UPLOAD)
    assert not scope.allows("upload", "other")
    assert good(attenuate(NARROW, UPLOAD))  # once more the same is the same
    assert read_token(KEY, attenuate(NARROW, UPLOAD)).scope == DEMO.and_also(UPLOAD)


@pytest.mark.parametrize("caveat", [
    ["colour", "red"], [], "project", {"project": "demo"}, ["project"], ["project", 1], ["project", None],
    ["project", "Demo"], ["project", "demo", "demo"], ["project", "other", "demo"], ["action", "delete"],
    ["action", "yank", "upload"], ["action"], ["expires", True], ["expires", 1.5], ["expires", "2030"], ["expires"],
    ["expires", -1], ["expires", 10**15], ["expires", 1, 2], ["network", "10.0.0.1/8"], ["network", "10.1"],
    ["version", "1.2"], ["version", ">=1, <2"], ["version", "===1"], ["version", ">=1", "<2"], [["project", "demo"]],
    1, None, [None],
], ids=str)  # fmt: skip
def test_a18_a_caveat_that_is_not_understood_allows_nothing(caveat: Any) -> None:
    token = read_token(KEY, by_the_book(PLAIN, caveat))  # rightly signed by its holder
    with pytest.raises(Refused) as refusal:
        _ = token.scope
    assert (refusal.value.code, refusal.value.status) == ("token-caveat", 403)
    with pytest.raises(Refused):
        scope_of((*caveats_of(DEMO), *token.caveats))


@pytest.mark.parametrize("written", [
    b'["project", "demo"]', b'["project","demo"] ', b'["project","\\u0064emo"]', b'\xef\xbb\xbf["project","demo"]',
    b"[" * 2000, b"\xff", b"", b"NaN", b'["expires",1e3]',
])  # fmt: skip
def test_a18_a_caveat_has_one_encoding(written: bytes) -> None:
    packed = base64.urlsafe_b64encode(written).decode().strip("=")
    with pytest.raises(Refused):
        scope_of((packed,))
    loose = caveats_of(DEMO)[0]
    assert scope_of((loose,)) == DEMO
    with pytest.raises(Refused):  # the same bytes, with a bit set that base64 does not use
        scope_of((loose[:-1] + chr(ord(loose[-1]) + 1),))


def test_a18_a_long_chain_is_refused_before_it_is_computed() -> None:
    packed = caveats_of(DEMO)[0]
    for count in (17, 10_000):
        text = f"ch1.{ID}.{'~'.join([packed] * count)}.{'A' * 43}"
        assert not good(text)
        with pytest.raises(Rejected):
            attenuate(text, DEMO)
    sixteen = PLAIN
    for number in range(16):
        sixteen = attenuate(sixteen, scope_for(projects=[f"p{number}"]))
    assert good(sixteen)
    with pytest.raises(Rejected, match="16 caveats"):
        attenuate(sixteen, DEMO)
    long = attenuate(PLAIN, scope_for(projects=["x" * 99 + str(number) for number in range(9)]))
    with pytest.raises(Rejected, match=str(LONGEST)):
        attenuate(attenuate(long, scope_for(projects=["y" * 98 + f"{number:02}" for number in range(21)])), DEMO)


def test_a18_the_key_of_another_deployment_or_of_yesterday_is_refused() -> None:
    for key in (ServerKey(b"x" * 32), ServerKey(b"k" * 31 + b"j")):
        foreign = f"ch1.{ID}.{signature_of(key, ID)}"
        assert not good(foreign)
        assert not good(attenuate(foreign, DEMO))


@given(text=st.text(max_size=300) | st.from_regex(PATTERN, fullmatch=True))
def test_nothing_but_a_token_is_one_and_errors_never_repeat_it(text: str) -> None:
    assert not good(text)
    said = ""
    try:
        attenuate(text, DEMO)
    except Rejected as error:
        said = str(error)
    assert len(text) < 8 or text not in said


@given(st.data())
def test_a18_a_token_that_is_changed_anywhere_is_refused(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(NARROW) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.~"))
    changed = NARROW[:position] + letter + NARROW[position + 1 :]
    assert good(changed) is (changed == NARROW)


@pytest.mark.parametrize("text", [PLAIN, NARROW, by_the_book(PLAIN, ["colour", "red"])])
def test_secret_scanners_find_every_token_whole(text: str) -> None:
    found = re.search(PATTERN, f'password = "{text}"\n')
    assert found is not None
    assert found[0] == text


def test_a19_nothing_that_holds_a_token_keeps_it() -> None:
    secret = PLAIN.split(".")[2]
    for text in (PLAIN, NARROW, NARROW[:-5], PLAIN.replace(".", "%2E"), NARROW.replace(".", "%2e").replace("~", "%7E")):
        shown = redact(f"GET /simple/?token={text}&x=1 failed")
        assert "ch1.abcdefgh…" in shown
        assert not any(part in shown for part in (secret, secret[:30], NARROW.split(".")[3][:30]))
        with pytest.raises(Refused) as refusal:
            refuse_in_address(b"/simple/", f"token={text}".encode())
        assert text not in str(refusal.value)
    refuse_in_address(b"/simple/torch1/", b"q=ch1.5")
    assert redact("torch1.5 is no token") == "torch1.5 is no token"
    assert PLAIN not in repr(ApiToken.parse(PLAIN))
