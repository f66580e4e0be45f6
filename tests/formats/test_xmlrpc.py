"""XML-RPC calls are read as far as mirrors need them; whatever could explode is refused before it is parsed (A46)."""

from __future__ import annotations

import base64
import contextlib
import xmlrpc.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.xmlrpc import (
    BAD_ARGUMENTS,
    INVALID_CALL,
    MAX_BYTES,
    NOT_WELL_FORMED,
    Call,
    Misunderstood,
    Value,
    read_call,
    write_answer,
    write_fault,
    write_rows,
)

EMPTY = b"<methodCall><methodName>changelog_last_serial</methodName></methodCall>"


def call_with(value: str, method: str = "changelog_since_serial") -> bytes:
    return (
        f"<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName><params><param>{value}</param></params>"
        "</methodCall>"
    ).encode()


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        ("<value><int>17</int></value>", 17),
        ("<value><i4>-1</i4></value>", -1),
        ("<value><i8>9223372036854775807</i8></value>", 2**63 - 1),
        ("<value><double>4294967296.0</double></value>", 4294967296.0),
        ("<value><string>a &lt; b</string></value>", "a < b"),
        ("<value>plain</value>", "plain"),
        ("<value><boolean>1</boolean></value>", True),
        ("<value/>", ""),
    ],
)
def test_plain_arguments_are_read(value: str, argument: object) -> None:
    assert read_call(call_with(value)).arguments == (argument,)


def test_what_python_sends_is_read() -> None:
    sent = xmlrpc.client.dumps((17, "x", 1.5, True), "changelog_since_serial").encode()
    assert read_call(sent) == Call("changelog_since_serial", (17, "x", 1.5, True))
    assert read_call(b"\xef\xbb\xbf" + EMPTY) == Call("changelog_last_serial", ())


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><methodCall><methodName>&i;</methodName></methodCall>"
).encode()
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    b"<methodCall><methodName>&e;</methodName></methodCall>"
)
A46 = {
    "billion laughs": (LAUGHS, INVALID_CALL),
    "quadratic blowup": (b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 5000 + b'">]><x>' + b"&a;" * 2000 + b"</x>", INVALID_CALL),
    "external entity": (OUTSIDE, INVALID_CALL),
    "external document type": (b'<!DOCTYPE methodCall SYSTEM "http://127.0.0.1/x.dtd">' + EMPTY, INVALID_CALL),
    "lower case document type": (b"<!doctype x>" + EMPTY, INVALID_CALL),
    "entities in UTF-16": (LAUGHS.decode().encode("utf-16"), NOT_WELL_FORMED),
    "entities in UTF-7": (b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE x+AD4-" + EMPTY, NOT_WELL_FORMED),
    "CDATA": (call_with("<value><string><![CDATA[x]]></string></value>"), INVALID_CALL),
    "processing instruction": (b"<?php x ?>" + EMPTY, INVALID_CALL),
    "style sheet": (b'<?xml version="1.0"?><?xml-stylesheet href="http://127.0.0.1/"?>' + EMPTY, INVALID_CALL),
    "deep nesting": (call_with("<value>" + "<array><data><value>" * 100), BAD_ARGUMENTS),
    "deep elements": (b"<a>" * 5000, BAD_ARGUMENTS),
    "array": (call_with("<value><array><data/></array></value>"), BAD_ARGUMENTS),
    "structure": (call_with("<value><struct/></value>"), BAD_ARGUMENTS),
    "base64 bomb": (call_with(f"<value><base64>{base64.b64encode(b'0' * 9000).decode()}</base64></value>"), BAD_ARGUMENTS),
    "nil": (call_with("<value><nil/></value>"), BAD_ARGUMENTS),
    "huge int": (call_with(f"<value><int>{'9' * 10_000}</int></value>"), BAD_ARGUMENTS),
    "huge double": (call_with(f"<value><double>{'9' * 400}</double></value>"), BAD_ARGUMENTS),
    "infinity": (call_with("<value><double>inf</double></value>"), BAD_ARGUMENTS),
    "digits of another script": (call_with("<value><int>١</int></value>"), BAD_ARGUMENTS),
    "two types": (call_with("<value><int>1</int><int>2</int></value>"), BAD_ARGUMENTS),
    "many arguments": (call_with("<value>1</value></param><param>" * 50 + "<value>1</value>"), BAD_ARGUMENTS),
    "many namespaces": (b"<methodCall xmlns='a' " + b" ".join(b"a%d='1'" % n for n in range(900)) + b"/>", INVALID_CALL),
    "two methods": (EMPTY.replace(b"</methodCall>", b"<methodName>x</methodName></methodCall>"), INVALID_CALL),
    "no method": (b"<methodCall/>", INVALID_CALL),
    "long method": (EMPTY.replace(b"last", b"l" * 200), INVALID_CALL),
    "another document": (b"<html/>", BAD_ARGUMENTS),
    "not XML": (b"{}", NOT_WELL_FORMED),
    "nothing": (b"", NOT_WELL_FORMED),
    "zeros": (b"\0" * 100, NOT_WELL_FORMED),
    "cut off": (EMPTY[:-1], NOT_WELL_FORMED),
    "two documents": (EMPTY * 2, NOT_WELL_FORMED),
    "character reference to nothing": (call_with("<value>&#0;</value>"), NOT_WELL_FORMED),
    "unknown entity": (call_with("<value>&nbsp;</value>"), NOT_WELL_FORMED),
    "too long": (EMPTY + b" " * MAX_BYTES, INVALID_CALL),
}  # fmt: skip


@pytest.mark.parametrize("name", A46)
def test_a46_bombs_are_refused_with_a_fault(name: str) -> None:
    body, fault = A46[name]
    with pytest.raises(Misunderstood) as refusal:
        read_call(body)
    assert refusal.value.fault == fault
    assert "root:" not in str(refusal.value)


@given(st.binary(max_size=400) | st.text(alphabet="<>/?!&;methodCallValue'\" \n=1", max_size=400).map(str.encode))
def test_a46_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with contextlib.suppress(Misunderstood):
        assert isinstance(read_call(body), Call)


def test_answers_are_read_by_other_implementations() -> None:
    value: dict[str, Value] = {"a <b> & c\x00\ud800": 2**31 - 1, "none": None, "list": [1, 2.5, True, "ünïcode\x1b"]}
    (read,), _ = xmlrpc.client.loads(write_answer(value))
    assert read == {"a <b> & c": 2**31 - 1, "none": None, "list": [1, 2.5, True, "ünïcode"]}
    rows = [("demo", None, 1764000000, "create", 1), ("demo", "1.0", 1764000001, "new release", 2**40)]
    (read,), _ = xmlrpc.client.loads(b"".join(write_rows(rows)))
    assert read == [list(row) for row in rows]
    assert xmlrpc.client.loads(b"".join(write_rows([]))) == (([],), None)
    many = list(write_rows(rows * 2000))
    assert len(many) > 5
    assert max(map(len, many)) < 70_000
    (read,), _ = xmlrpc.client.loads(b"".join(many))
    assert read == [list(row) for row in rows * 2000]


def test_faults_are_read_by_other_implementations() -> None:
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(write_fault(-32601, "There is no <such> method."))
    assert (fault.value.faultCode, fault.value.faultString) == (-32601, "There is no <such> method.")
