"""Records of what was said of releases afterwards: how they are written, signed, checked, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from customhouse.formats.amendment import (
    Amendment,
    PublicKey,
    Signed,
    Withdrawal,
    amended,
    counting,
    envelope,
    key_id,
    keys_to_json,
    line,
    message,
    read_envelope,
    read_evidence,
    read_keys,
    read_reason,
    read_requirement,
    split_marker,
    to_json,
    verify,
)
from customhouse.formats.amendment_files import Counted, Metadata, Wanted, constraints, overrides, uv_metadata
from customhouse.terms.errors import Rejected

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRET = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
RAW = SECRET.public_key().public_bytes_raw()
KEY = PublicKey(key_id(RAW), RAW, NOW - timedelta(days=1))
ID = "a" * 26


def record(**changes: Any) -> Amendment:
    one = Amendment(
        ID, "foo", ("1.0",), "bar>=1", "bar>=1,<3", "narrowing", "bar 3 has no Frame.append",
        "https://example.org/1", "owner", NOW,
    )  # fmt: skip
    return replace(one, **changes)


def signed(one: Amendment | Withdrawal) -> Signed:
    return Signed(one, KEY.id, base64.b64encode(SECRET.sign(message(one))).decode())


def test_a_record_reads_back_and_its_signature_fits() -> None:
    told = json.loads(json.dumps(envelope(signed(record()))))
    read = read_envelope(told)
    assert read.record == record()
    assert verify(read, [KEY], NOW) is KEY


@pytest.mark.parametrize("change", [
    {"requirement-after": "bar>=1,<2"}, {"versions": ["1.1"]}, {"project": "other"}, {"reason": "another"},
    {"role": "operator"}, {"at": "2026-11-28T11:00:00.000000Z"}, {"view": "corp"}, {"evidence": "https://evil.example"},
])  # fmt: skip
def test_whatever_is_changed_in_a_record_the_signature_no_longer_fits(change: dict[str, Any]) -> None:
    told = envelope(signed(record()))
    told["signed"] |= change
    with pytest.raises(Rejected, match="does not fit"):
        verify(read_envelope(told), [KEY], NOW)


@pytest.mark.parametrize("change", [
    {"kind": "widening"}, {"requirement-after": "bar>=2,<1"}, {"requirement-before": "baz>=1"}, {"versions": []},
    {"versions": ["1.0.0-foo"]}, {"format": "other"}, {"more": 1}, {"id": "../x"}, {"role": "king"}, {"view": "../x"},
    {"reason": "a\nb"}, {"evidence": "javascript:alert(1)"}, {"project": "Foo"}, {"at": "yesterday"},
    {"requirement-after": "bar>=1,<3\nevil"},
])  # fmt: skip
def test_a_record_that_this_index_would_not_have_made_is_not_read(change: dict[str, Any]) -> None:
    told = envelope(signed(record()))
    told["signed"] |= change
    with pytest.raises(Rejected):
        read_envelope(told)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"signed": 1}, {"signed": {}, "key": "k", "signature": 3}])
def test_what_is_no_record_is_refused_in_words(value: object) -> None:
    with pytest.raises(Rejected):
        read_envelope(value)


def test_a_key_counts_only_while_it_was_in_use_and_only_under_its_own_id() -> None:
    ended = replace(KEY, until=NOW - timedelta(hours=1))
    with pytest.raises(Rejected, match="not in use"):
        verify(signed(record()), [ended], NOW)
    with pytest.raises(Rejected, match="no key"):
        verify(signed(record()), [], NOW)
    other = Ed25519PrivateKey.from_private_bytes(b"2" * 32).public_key().public_bytes_raw()
    with pytest.raises(Rejected, match="no key"):
        verify(signed(record()), [replace(KEY, raw=other)], NOW)
    told = keys_to_json([KEY])
    told["keys"][0]["public"] = base64.b64encode(other).decode()
    with pytest.raises(Rejected, match="not the one"):
        read_keys(told)


def test_a_record_from_the_future_is_not_believed_but_clocks_may_differ_a_little() -> None:
    verify(signed(record()), [KEY], NOW - timedelta(minutes=4))
    with pytest.raises(Rejected, match="to come"):
        verify(signed(record()), [KEY], NOW - timedelta(minutes=6))


def test_a_signature_for_something_else_is_none_for_a_record() -> None:
    without_prefix = message(record()).partition(b"\n")[2]
    forged = Signed(record(), KEY.id, base64.b64encode(SECRET.sign(without_prefix)).decode())
    with pytest.raises(Rejected, match="does not fit"):
        verify(forged, [KEY], NOW)


def test_what_was_withdrawn_counts_no_more_however_often_it_is_shown_again() -> None:
    end = Withdrawal(ID, "foo", "a mistake", "owner", NOW)
    assert counting([record(), end, record()]) == []
    assert counting([record(), replace(end, project="other")]) == [record()]
    assert counting([record(), record()]) == [record()]


@pytest.mark.parametrize(("before", "after", "kind"), [
    ("bar>=1", "bar>=1,<3", "narrowing"), ("bar<2", "bar<4", "widening"), ("bar<2", "bar", "widening"),
    ("bar", "bar!=2.0", "narrowing"), ("bar~=1.2", "bar>=1.2", "widening"),
])  # fmt: skip
def test_whether_it_narrows_or_widens_is_computed(before: str, after: str, kind: str) -> None:
    assert amended(Requirement(before), after)[1] == kind


@pytest.mark.parametrize(("before", "after"), [
    ("bar>=1", "bar<3"), ("bar>=1", "bar>=1"), ("bar>=1", "bar>=1.0"), ("bar>=1", "baz>=1"), ("bar>=1", "bar[x]>=2"),
    ("bar>=1", "bar>=2; python_version > '3'"), ("bar>=1", "bar===2"), ("bar>=1", "bar @ https://example.org/x.whl"),
    ("bar>=1", "bar>=1,<3a1"),
])  # fmt: skip
def test_what_lies_across_or_changes_nothing_is_refused(before: str, after: str) -> None:
    with pytest.raises(Rejected):
        amended(Requirement(before), after)


def test_the_refusal_says_what_would_narrow_it() -> None:
    with pytest.raises(Rejected, match="to narrow it: >=1,<3"):
        amended(Requirement("bar>=1"), "bar<3")


@pytest.mark.parametrize("text", [
    "bar<3\nevil==1", "bar<3\r--index-url https://evil.example", "bar<3 # x", "bar<3; python_version > '${HOME}'",
    "bar<3 \\", "bar<3\u2028evil", "-e .", "bar<3\x1b[31m", "-r /etc/passwd", "bar" + "<3" * 600, "bar<" + "9" * 3000,
])  # fmt: skip
def test_no_requirement_becomes_two_lines_a_comment_or_an_option(text: str) -> None:
    with pytest.raises(Rejected):
        read_requirement(text, "requirement")


@pytest.mark.parametrize("text", [
    "javascript:alert(1)", "https://user:pw@example.org/", "ftp://example.org", "https://", "https://a/ b", "//x",
    "https://example.org/\n--extra", "https://ex\u0430mple.org", 'https://example.org/"><script>', "https://[::1",
])  # fmt: skip
def test_evidence_is_an_address_and_nothing_else(text: str) -> None:
    with pytest.raises(Rejected):
        read_evidence(text)


def test_a_reason_is_one_line_that_can_be_seen() -> None:
    assert read_reason("  two\n lines ") == "two lines"
    for text in ("", " ", "x" * 501, "a\x1b[2Jb", "\u202etxet"):
        with pytest.raises(Rejected):
            read_reason(text)


def test_hostile_words_stay_in_the_comment_of_their_file() -> None:
    reason = "x # y -r /etc/passwd --index-url https://evil.example ; <script>"
    text = constraints([Counted(record(reason=reason), reaches=True)], lambda _name: "1.0").text("head")
    kept = [one for one in text.splitlines() if not one.startswith("#")]
    assert kept == ["bar<3"]
    toml = uv_metadata([Counted(record(reason=reason))], {("foo", "1.0"): Metadata(("bar>=1",))}, widening=False).text()
    assert toml.count("[[dependency-metadata]]") == 1
    assert 'requires-dist = [\n    "bar>=1,<3",\n]' in toml


@pytest.mark.parametrize(("marker", "expected"), [
    ("", ("", "")), ('python_version < "3"', ('python_version < "3"', "")), ('extra == "X.y"', ("", "x-y")),
    ('python_version < "3" and extra == "x"', ('python_version < "3"', "x")),
    ('(os_name == "nt" or os_name == "posix") and extra == "x"', ('os_name == "nt" or os_name == "posix"', "x")),
    ('os_name == "nt" or os_name == "posix" and extra == "x"', ("", None)),
    ('extra == "x" or extra == "y"', ("", None)),
])  # fmt: skip
def test_markers_and_extras_are_told_apart_or_not_at_all(marker: str, expected: tuple[str, str | None]) -> None:
    assert split_marker(marker) == expected


def lines(found: Any) -> list[str]:
    return [one for one, _why in found.lines]


def newest(version: str) -> Callable[[str], str]:
    return lambda _name: version


def test_an_extras_amendment_binds_only_who_has_the_extra() -> None:
    one = Counted(record(before='bar>=1; extra == "fast"', after='bar>=1,<3; extra == "fast"'), reaches=True)
    everybody = constraints([one], newest("1.0"))
    assert lines(everybody) == []
    assert "?for=foo[fast]" in everybody.left_out[0]
    assert lines(constraints([one], newest("1.0"), {"foo": Wanted()})) == []
    assert lines(constraints([one], newest("1.0"), {"foo": Wanted(extras=frozenset({"fast"}))})) == ["bar<3"]


def test_a_marker_stays_on_the_line() -> None:
    one = Counted(record(before='bar>=1; os_name == "nt"', after='bar>=1,<3; os_name == "nt"'))
    assert lines(constraints([one], newest("2.0"))) == ['foo!=1.0 ; os_name == "nt"']
    assert lines(constraints([one], newest("1.0"), {"foo": Wanted("1.0")})) == ['bar<3 ; os_name == "nt"']


def test_older_releases_are_shut_out_unless_the_bound_of_the_newest_says_as_much() -> None:
    top = Counted(record(versions=("2.0",)), reaches=True)
    same = Counted(record(id="b" * 26, versions=("1.0",)), reaches=True)
    tighter = Counted(record(id="c" * 26, versions=("0.9",), after="bar>=1,<2"), reaches=True)
    assert lines(constraints([top, same], newest("2.0"))) == ["bar<3"]
    assert lines(constraints([top, same, tighter], newest("2.0"))) == ["bar<3", "foo!=0.9"]


def test_an_override_that_leaves_no_version_is_left_out_and_told() -> None:
    one = Counted(record(before="bar<2", after="bar<4", kind="widening"))
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415

    found = overrides([one], newest("1.0"), lambda _name: (SpecifierSet(">=5"), []), {"foo": Wanted()})
    assert lines(found) == []
    assert "no version is left" in found.left_out[0]


def test_amendments_that_are_small_alone_and_large_together_break_nobodys_file() -> None:
    """One owner says it, and everybody asks for the file."""

    def without(minor: int) -> str:
        return f"bar>=1,{','.join(f'!={minor}.{number}' for number in range(25))}"

    assert amended(Requirement("bar>=1"), without(1)) == (line(Requirement(without(1))), "narrowing")
    told = [Counted(record(id=letter * 26, versions=(version,), after=without(minor)), reaches=True)
            for letter, version, minor in (("b", "2.0", 2), ("c", "1.0", 3))]  # fmt: skip
    found = lines(constraints(told, newest("2.0")))
    assert len(found) == 2
    assert found[1] == "foo!=1.0"
    wide = Counted(record(before="bar<2", after="bar<4", kind="widening"))
    asks = Requirement(f"{without(2)},{without(3).removeprefix('bar')}").specifier
    told_not = overrides([wide], newest("1.0"), lambda _name: (asks, []), {"foo": Wanted()})
    assert (lines(told_not), "cannot be compared" in told_not.left_out[0]) == ([], True)


def test_what_somebody_else_narrows_stays_narrow_when_it_is_widened() -> None:
    wide = Counted(record(before="bar<2", after="bar<4", kind="widening"))
    narrow = Counted(record(id="b" * 26, before="bar<2", after="bar<2,!=1.5", role="operator", view="corp"))
    found = uv_metadata([wide, narrow], {("foo", "1.0"): Metadata(("bar<2", "baz"))}, widening=True)
    assert '"bar!=1.5,<2,<4"' in found.text()


def test_the_canonical_form_is_rfc_8785() -> None:
    text = message(record()).partition(b"\n")[2]
    assert json.loads(text) == to_json(record())
    assert text.startswith(b'{"at":"2026-11-28T12:00:00.000000Z","evidence":')
    assert b" " not in text.replace(b"bar 3 has no Frame.append", b"")


CHOICES = st.sampled_from(["bar>=1,<2", "bar>=1,<3", "bar>=1,!=2", "bar>=2"])
SAID = st.tuples(
    st.sets(st.sampled_from(["1", "2", "3"]), min_size=1), CHOICES, st.booleans(), st.sampled_from(["bar>=1", "bar"]),
)  # fmt: skip


@settings(deadline=None)
@given(many=st.lists(SAID, max_size=4), top=st.sampled_from(["", "1", "2", "3"]), version=st.sampled_from(["", "1", "2"]),
       everybody=st.booleans())  # fmt: skip
def test_no_environment_that_keeps_to_the_file_contradicts_an_amendment(
    many: list[tuple[set[str], str, bool, str]], top: str, version: str, *, everybody: bool
) -> None:
    """Every pair of versions is looked at that some installer could choose: none is what an amendment excludes."""
    counted = [
        Counted(
            record(id=str(number) * 26, versions=tuple(sorted(versions)), before=before, after=after), reaches=reaches
        )
        for number, (versions, after, reaches, before) in enumerate(many)
    ]
    wanted = None if everybody else {"foo": Wanted(version)}
    held = [Requirement(one) for one in lines(constraints(counted, newest(top), wanted))]
    for foo in [version] if wanted and version else ["1", "2", "3", "4"]:
        for bar in ("0.5", "1", "1.5", "2", "2.5", "3", "4"):
            chosen = {"foo": foo, "bar": bar}
            if not all(one.specifier.contains(chosen[one.name]) for one in held):
                continue
            for one in counted:
                wrong = foo in one.record.versions and not Requirement(one.record.after).specifier.contains(bar)
                said = Requirement(one.record.before).specifier.contains(bar)
                assert not (wrong and said), (chosen, [str(each) for each in held], one.record.after)


def test_one_version_has_many_spellings() -> None:
    one = Counted(record(versions=("1.0.0",)))
    assert lines(constraints([one], newest("2.0"), {"foo": Wanted("1.0")})) == ["bar<3"]
    assert lines(constraints([one], newest("2.0"), {"foo": Wanted("1.0.1")})) == []
