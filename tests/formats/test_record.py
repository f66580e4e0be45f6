"""RECORD and the wheel's files must be the same, and the hashes true."""

from __future__ import annotations

import base64
import hashlib

import pytest

from customhouse.formats.record import parse_record
from customhouse.terms.errors import Rejected
from formats.archives import INFO, fault, hashed, inspected_wheel, record_of, wheel_bytes, wheel_files

RECORD = f"{INFO}/RECORD"
MODULE = "demo/__init__.py"
BODY = b"answer = 42\n"


def refusal(record: str | bytes) -> tuple[str, str]:
    body = record.encode() if isinstance(record, str) else record
    with pytest.raises(Rejected) as caught:
        inspected_wheel(wheel_bytes(wheel_files(record=body)))
    return fault(caught.value)[:2]


def lines(replace: dict[str, str] | None = None) -> str:
    """The true RECORD of the demo wheel with some paths' lines replaced."""
    true = record_of(wheel_files(without=(RECORD,))).decode().splitlines()
    rows = {line.partition(",")[0]: line for line in true} | (replace or {})
    return "".join(f"{line}\n" for line in rows.values() if line)


def test_a_true_record_is_accepted() -> None:
    assert len(inspected_wheel(wheel_bytes(wheel_files(record=lines().encode()))).members) == 4


def test_stronger_hashes_are_accepted_and_compared() -> None:
    for algorithm in ("sha384", "sha512"):
        true = lines({MODULE: f"{MODULE},{algorithm}={hashed(BODY, algorithm)},12"})
        assert inspected_wheel(wheel_bytes(wheel_files(record=true.encode()))).kind == "bdist_wheel"
        assert refusal(lines({MODULE: f"{MODULE},{algorithm}={hashed(b'other', algorithm)},12"})) == (
            "record-hash",
            MODULE,
        )


def test_names_of_hashes_are_read_without_regard_to_case() -> None:
    true = lines({MODULE: f"{MODULE},SHA256={hashed(BODY)},12"})
    assert inspected_wheel(wheel_bytes(wheel_files(record=true.encode()))).kind == "bdist_wheel"


def test_carriage_returns_and_empty_lines_are_accepted() -> None:
    record = lines().replace("\n", "\r\n") + "\r\n"
    assert inspected_wheel(wheel_bytes(wheel_files(record=record.encode()))).kind == "bdist_wheel"


def test_quoted_paths_are_read() -> None:
    files = wheel_files({'demo/a,"b".py': b""}, without=(RECORD,))
    record = lines() + f'"demo/a,""b"".py",sha256={hashed(b"")},0\n'
    body = wheel_bytes({**files, RECORD: record.encode()})
    assert inspected_wheel(body).kind == "bdist_wheel"


def test_a_size_may_be_left_out() -> None:
    true = lines({MODULE: f"{MODULE},sha256={hashed(BODY)},"})
    assert inspected_wheel(wheel_bytes(wheel_files(record=true.encode()))).kind == "bdist_wheel"


def test_a_wheel_without_record_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        inspected_wheel(wheel_bytes(wheel_files(without=(RECORD,))))
    assert fault(caught.value) == ("record-absent", RECORD, None)


def test_a_file_that_record_does_not_list_is_refused() -> None:
    assert refusal(lines({MODULE: ""})) == ("record-missing", MODULE)


def test_a_file_that_record_lists_and_the_wheel_lacks_is_refused() -> None:
    assert refusal(lines({"demo/gone.py": f"demo/gone.py,sha256={hashed(b'')},0"})) == ("record-unknown", RECORD)


def test_a_path_that_only_looks_like_a_member_is_refused() -> None:
    for path in ("./demo/__init__.py", "demo\\__init__.py", "Demo/__init__.py", "/demo/__init__.py"):
        assert refusal(lines({path: f"{path},,"})) == ("record-unknown", RECORD)


def test_a_wrong_hash_is_refused() -> None:
    assert refusal(lines({MODULE: f"{MODULE},sha256={hashed(b'other')},12"})) == ("record-hash", MODULE)


def test_a_hash_in_hexadecimal_or_with_padding_is_refused() -> None:
    digest = hashlib.sha256(BODY)
    padded = base64.urlsafe_b64encode(digest.digest()).decode()
    for spelled in (digest.hexdigest(), padded):
        assert refusal(lines({MODULE: f"{MODULE},sha256={spelled},12"})) == ("record-hash", MODULE)


def test_a_wrong_size_is_refused() -> None:
    assert refusal(lines({MODULE: f"{MODULE},sha256={hashed(BODY)},13"})) == ("record-size", MODULE)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "MD5", "sha224", "sha3_256", "crc32", ""])
def test_a_weak_or_unknown_hash_is_refused(algorithm: str) -> None:
    assert refusal(lines({MODULE: f"{MODULE},{algorithm}=abc,12"})) == ("record-hash-weak", RECORD)


def test_a_file_without_hash_is_refused() -> None:
    assert refusal(lines({MODULE: f"{MODULE},,12"})) == ("record-no-hash", MODULE)


def test_a_path_that_is_listed_twice_is_refused() -> None:
    twice = lines() + f"{MODULE},sha256={hashed(b'other')},5\n"
    assert refusal(twice) == ("record-twice", RECORD)


def test_a_record_that_lists_itself_with_a_hash_is_refused() -> None:
    assert refusal(lines({RECORD: f"{RECORD},sha256={hashed(b'')},"})) == ("record-hash", RECORD)
    assert refusal(lines({RECORD: f"{RECORD},,5"})) == ("record-hash", RECORD)


def test_a_record_need_not_list_itself() -> None:
    body = wheel_bytes(wheel_files(record=lines({RECORD: ""}).encode()))
    assert inspected_wheel(body).kind == "bdist_wheel"


def test_old_signatures_need_not_be_listed() -> None:
    for name in (f"{RECORD}.jws", f"{RECORD}.p7s"):
        files = wheel_files(record=lines().encode()) | {name: b"signature"}
        assert inspected_wheel(wheel_bytes(files)).kind == "bdist_wheel"
        listed = wheel_files(record=(lines() + f"{name},,\n").encode())
        assert inspected_wheel(wheel_bytes(listed)).kind == "bdist_wheel"


@pytest.mark.parametrize(
    "damage",
    [
        f"{MODULE},sha256=abc\n",
        f"{MODULE},sha256=abc,1,2\n",
        f"{MODULE},sha256,1\n",
        f"{MODULE},sha256=,1\n",
        f"{MODULE},sha256=abc,one\n",
        f"{MODULE},sha256=abc,-1\n",
        f"{MODULE},sha256=abc,\u0661\n",
        f"{MODULE},sha256=abc,{'9' * 30}\n",
        '"demo,sha256=abc,1\n',
        "demo\0,sha256=abc,1\n",
        b"\xff,sha256=abc,1\n",
    ],
)
def test_a_damaged_record_is_refused(damage: str | bytes) -> None:
    assert refusal(damage) == ("record-damaged", RECORD)


def test_a_field_larger_than_csv_takes_is_refused_and_not_a_crash() -> None:
    with pytest.raises(Rejected) as caught:
        parse_record(b"x" * 200_000 + b",,\n", RECORD, 9)
    assert caught.value.code == "record-damaged"


def test_a_record_of_more_lines_than_files_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(Rejected) as caught:
        parse_record(b"".join(b"%d,,\n" % n for n in range(20)), RECORD, 9)
    assert fault(caught.value) == ("record-unknown", RECORD, None)
