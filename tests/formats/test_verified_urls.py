"""A57: a link wears the mark only if it leads where the mark says, in every browser, however it is written."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customhouse.formats.verified_urls import verified, verified_address

PREFIX = "https://packages.example.org/project/demo/"
REPOSITORY = "https://forge.example.org/owner/demo"
PREFIXES = (PREFIX, REPOSITORY)

TRICKS = {
    "another host": "https://evil.example/project/demo/",
    "a longer host": "https://packages.example.org.evil.example/project/demo/",
    "a host that ends alike": "https://evilpackages.example.org/project/demo/",
    "a host inside the path": "https://evil.example/packages.example.org/project/demo/",
    "a user before the host": "https://packages.example.org@evil.example/project/demo/",
    "a user with a password": "https://packages.example.org:443@evil.example/project/demo/",
    "a user on the right host": "https://demo@packages.example.org/project/demo/",
    "an empty user": "https://@packages.example.org/project/demo/",
    "a backslash for a slash": "https://packages.example.org\\project\\demo\\",
    "a backslash and a user (TOB-3)": "https://evil.example\\@packages.example.org/project/demo/",
    "a backslash and dots (TOB-3)": "https://packages.example.org/project/demo/..\\evil/",
    "backslashes behind the scheme": "https:\\\\packages.example.org/project/demo/",
    "dots in the path": "https://packages.example.org/project/demo/../evil/",
    "dots at the end": "https://packages.example.org/project/demo/..",
    "one dot": "https://packages.example.org/project/demo/./",
    "escaped dots": "https://packages.example.org/project/demo/%2e%2e/evil/",
    "half escaped dots": "https://packages.example.org/project/demo/.%2E/evil/",
    "dots escaped twice": "https://packages.example.org/project/demo/%252e%252e/evil/",
    "an escaped slash": "https://packages.example.org/project/demo/..%2fevil/",
    "an escaped backslash": "https://packages.example.org/project/demo/..%5cevil/",
    "an escaped letter": "https://packages.example.org/project/dem%6f/",
    "dots with a parameter": "https://packages.example.org/project/demo/..;/evil/",
    "an empty segment": "https://packages.example.org/project/demo//evil/",
    "an empty segment at the front": "https://packages.example.org//project/demo/",
    "a name that goes on": "https://packages.example.org/project/demo-evil/",
    "a name that goes on without a dash": "https://packages.example.org/project/demoevil",
    "a name that goes on with a parameter": "https://packages.example.org/project/demo;evil/",
    "a repository whose name goes on": "https://forge.example.org/owner/demo.git.evil",
    "the path in another case": "https://packages.example.org/Project/Demo/",
    "only the beginning of the path": "https://packages.example.org/project/",
    "the root": "https://packages.example.org/",
    "nothing behind the host": "https://packages.example.org",
    "the path in the query": "https://packages.example.org?/project/demo/",
    "the path in the fragment": "https://packages.example.org#/project/demo/",
    "http instead of https": "http://packages.example.org/project/demo/",
    "ftp": "ftp://packages.example.org/project/demo/",
    "javascript": "javascript://packages.example.org/project/demo/%0aalert(1)",
    "data": "data:text/html,https://packages.example.org/project/demo/",
    "no scheme": "//packages.example.org/project/demo/",
    "no host": "/project/demo/",
    "one slash": "https:/packages.example.org/project/demo/",
    "three slashes": "https:///packages.example.org/project/demo/",
    "a dot behind the host": "https://packages.example.org./project/demo/",
    "two dots in the host": "https://packages..example.org/project/demo/",
    "another port": "https://packages.example.org:8443/project/demo/",
    "the port of the other scheme": "https://packages.example.org:80/project/demo/",
    "an empty port": "https://packages.example.org:/project/demo/",
    "a port with a zero": "https://packages.example.org:0443/project/demo/",
    "a port that is too large": "https://packages.example.org:65979/project/demo/",
    "a port in other digits": "https://packages.example.org:\u0664\u0664\u0663/project/demo/",
    "a blank in front": " https://packages.example.org/project/demo/",
    "a blank behind": "https://packages.example.org/project/demo/ ",
    "a line end behind": "https://packages.example.org/project/demo/\n",
    "a tab in the scheme": "ht\ttps://packages.example.org/project/demo/",
    "a line end in the host": "https://packages.example.\norg/project/demo/",
    "a tab between dots": "https://packages.example.org/project/demo/.\t./evil/",
    "a control character": "https://packages.example.org/project/demo/\x00",
    "a Cyrillic letter in the host": "https://pack\u0430ges.example.org/project/demo/",
    "a Cyrillic letter in the path": "https://packages.example.org/project/d\u0435mo/",
    "its punycode": "https://xn--packges-2fg.example.org/project/demo/",
    "a full-width host": "https://\uff50ackages.example.org/project/demo/",
    "a full-width dot": "https://packages\uff0eexample.org/project/demo/",
    "an ideographic dot": "https://packages.example\u3002org/project/demo/",
    "a full-width slash": "https://packages.example.org\uff0fproject/demo/",
    "a fraction slash in the host": "https://packages.example.org\u2044project/demo/",
    "a soft hyphen in the host": "https://packages.exam\u00adple.org/project/demo/",
    "a long s in the scheme": "http\u017f://packages.example.org/project/demo/",
    "a Kelvin sign in the host": "https://pac\u212aages.example.org/project/demo/",
    "an override in the path": "https://packages.example.org/project/demo/\u202e",
    "an escape in the host": "https://packages%2eexample.org/project/demo/",
    "a host in brackets": "https://[packages.example.org]/project/demo/",
    "a zone": "https://[fe80::1%25eth0]/project/demo/",
    "too long": f"https://packages.example.org/project/demo/{'a' * 2000}",
    "nothing": "",
}


@pytest.mark.parametrize("url", TRICKS.values(), ids=TRICKS)
def test_a57_a_clever_address_is_not_verified(url: str) -> None:
    assert not verified(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "https://packages.example.org/project/demo/",
        "https://packages.example.org/project/demo",
        "HTTPS://Packages.Example.ORG/project/demo/",
        "https://packages.example.org:443/project/demo/",
        "https://packages.example.org/project/demo/2.0/",
        "https://packages.example.org/project/demo/2.0/?from=pip#files",
        "https://packages.example.org/project/demo?x=..%2f",
        "https://packages.example.org/project/demo#readme",
        "https://forge.example.org/owner/demo",
        "https://forge.example.org/owner/demo/issues",
        "https://forge.example.org/owner/demo/blob/main/a@b,(c)!",
    ],
)
def test_a57_a_plain_address_under_a_prefix_is_verified(url: str) -> None:
    assert verified(url, PREFIXES)


@pytest.mark.parametrize(
    ("url", "prefix", "covered"),
    [
        ("http://127.0.0.1:8417/project/demo/", "http://127.0.0.1:8417/project/demo/", True),
        ("http://[::1]:8417/project/demo/", "http://[::1]:8417/project/demo/", True),
        ("http://my_host/project/demo/", "http://my_host:80/project/demo/", True),
        ("https://example.org/anything", "https://example.org", True),
        ("https://example.org", "https://example.org/", True),
        ("http://2130706433/", "http://2130706433/", False),
        ("http://0x7f.1/", "http://0x7f.1/", False),
        ("http://127.0.0.01/", "http://127.0.0.01/", False),
        ("https://example.org/a/", "https://example.org/a/?x", False),
        ("https://example.org/a/", "https://example.org/a/#x", False),
        ("https://example.org/a/b", "https://example.org/a/../a/", False),
        ("https://b\u00fccher.example/", "https://b\u00fccher.example/", False),
        ("https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/", True),
    ],
)
def test_a57_a_prefix_must_be_as_plain_as_what_it_covers(url: str, prefix: str, covered: bool) -> None:
    assert verified(url, [prefix]) is covered


def test_a57_without_a_prefix_nothing_is_verified() -> None:
    assert not verified(PREFIX, ())


_ODD = "\\@%2eE.;:/?#\t\r\n \u3002\uff0f\u202e[]|^`{}<>\"'" + string.ascii_lowercase[:6]


@given(st.text(_ODD, max_size=12), st.integers(0, len(PREFIX)))
@example("@evil.example/", len("https://packages.example.org"))
@example("\\..\\..\\evil", len(PREFIX))
def test_a57_whatever_is_put_into_an_address_it_stays_under_the_prefix_or_is_not_verified(odd: str, at: int) -> None:
    url = PREFIX[:at] + odd + PREFIX[at:]
    if verified(url, [PREFIX]):
        # Only case and the scheme's own port may differ up to the path, and the path must begin with the prefix's own.
        head, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        assert (head.lower(), host.lower().removesuffix(":443")) == ("https", "packages.example.org")
        assert f"/{path}".startswith("/project/demo")
        assert f"/{path}".removeprefix("/project/demo")[:1] in ("", "/", "?", "#")
        assert ".." not in path.partition("?")[0].partition("#")[0].split("/")


@given(st.text(max_size=60))
def test_a57_any_text_gets_an_answer(text: str) -> None:
    assert not verified(text, PREFIXES)
    assert not verified(PREFIX, [text])
    assert verified_address(text, {"alice@example.org"}) in ("", "alice@example.org")


OWNER = "alice@example.org"


@pytest.mark.parametrize(
    "field",
    [
        "alice@example.org",
        "alice@EXAMPLE.org",
        "Alice Liddell <alice@example.org>",
        "<alice@example.org>",
        "Älice <alice@example.org>",
    ],
)
def test_a57_the_plain_address_of_an_owner_is_verified(field: str) -> None:
    assert verified_address(field, {OWNER, "bob@example.org"}) == OWNER


@pytest.mark.parametrize(
    "field",
    [
        "",
        "mallory@example.org",
        "ALICE@example.org",
        "alice@example.org.evil.example",
        "alice@example.org <mallory@evil.example>",
        '"alice@example.org" <mallory@evil.example>',
        "Alice <alice@example.org>, Mallory <mallory@evil.example>",
        "alice@example.org, mallory@evil.example",
        "mallory@evil.example <alice@example.org>",
        "Alice <mallory@evil.example> <alice@example.org>",
        "alice@example.org (mallory@evil.example)",
        "alice@example.org\nBcc: mallory@evil.example",
        "alice@ex\u0430mple.org",
        "\u0430lice@example.org",
        "alice@example\u3002org",
        "alice @example.org",
        "alice@example.org ",
        '"alice"@example.org',
        "alice@[127.0.0.1]",
        "al..ice@example.org",
    ],
)
def test_a57_an_address_that_only_looks_like_an_owners_is_not_verified(field: str) -> None:
    assert verified_address(field, {OWNER}) == ""
