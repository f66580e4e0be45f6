"""Passwords that others know: the file, the range service, and both when they are away (A2)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from customhouse.accounts.breached import FileList, Finding, NoList, RangeService, breached_of, hash_of, refuse_known
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Rejected
from range_service import range_service
from receiver import HANG_UP, Reply

LOOPBACK = Outbound(Reach.parse(("127.0.0.0/8",)))


def listed(folder: Path, passwords: dict[str, int], *, newline: str = "\r\n", last: bool = True) -> FileList:
    lines = sorted(f"{hash_of(one)}:{times}" for one, times in passwords.items())
    path = folder / "breached.txt"
    path.write_bytes((newline.join(lines) + (newline if last else "")).encode())
    return FileList(path)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_the_file_finds_every_line_and_nothing_else(tmp_path: Path, newline: str, *, last: bool) -> None:
    known = {f"password{number}": number + 1 for number in range(300)}
    found = listed(tmp_path, known, newline=newline, last=last)
    assert all(found.look_up(one) == Finding(times) for one, times in known.items())
    assert not any(found.look_up(f"secret{number}").known for number in range(300))


@given(some.sets(some.text(max_size=5), max_size=20), some.text(max_size=5))
def test_the_file_agrees_with_a_set(tmp_path_factory: pytest.TempPathFactory, known: set[str], wanted: str) -> None:
    found = listed(tmp_path_factory.mktemp("breached"), dict.fromkeys(known, 2))
    assert found.look_up(wanted).known == (wanted in known)


def test_the_hash_is_the_one_that_the_lists_go_by() -> None:
    assert hash_of("password") == "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
    assert hash_of("pässword") == hashlib.sha1("pässword".encode(), usedforsecurity=False).hexdigest().upper()


def test_the_service_learns_five_digits_and_padding_counts_nothing() -> None:
    with range_service({"password": 9_545_824, hash_of("x"): 0}) as running:
        service = RangeService(f"http://127.0.0.1:{running.port}/range", LOOPBACK)
        assert service.look_up("password") == Finding(9_545_824)
        assert service.look_up("nobody else has this one") == Finding()
        assert {request.path for request in running.requests} == {
            "/range/5BAA6", f"/range/{hash_of('nobody else has this one')[:5]}",
        }  # fmt: skip
        assert all(request.headers["add-padding"] == "true" for request in running.requests)


@pytest.mark.parametrize("answer", [Reply(500, b"sorry"), Reply(200, b"\xff\xfe"), Reply(200, b"x" * 2**20), HANG_UP])
def test_a_service_that_fails_stops_nobody_and_says_so(answer: Reply | str) -> None:
    with range_service({}) as running:
        running.answer = lambda _request: answer
        finding = RangeService(f"http://127.0.0.1:{running.port}/range", LOOPBACK).look_up("password")
    assert not finding.known
    assert finding.unchecked


def test_a_file_that_is_gone_or_spoilt_stops_nobody_and_says_so(tmp_path: Path) -> None:
    assert FileList(tmp_path / "gone").look_up("password").unchecked
    (tmp_path / "spoilt").write_bytes(b"x" * 5000)
    assert FileList(tmp_path / "spoilt").look_up("password").unchecked


def test_which_list_the_settings_name(tmp_path: Path) -> None:
    def named(text: str) -> object:
        return breached_of(Settings.model_validate({"breached_passwords": text}), LOOPBACK)

    assert named("") == NoList()
    assert named(str(tmp_path)) == FileList(tmp_path)
    service = named("https://api.pwnedpasswords.example/range")
    assert isinstance(service, RangeService)
    assert service.described == "the service at https://api.pwnedpasswords.example"


def test_the_refusal_names_no_password() -> None:
    with pytest.raises(Rejected, match="12 times") as caught:
        refuse_known(Finding(12))
    assert caught.value.code == "breached-password"
    refuse_known(Finding(0))
