"""Letters that came in: taken apart within bounds, whatever somebody has made of them."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.mail_message import (
    LARGEST_ATTACHMENT_BYTES,
    LARGEST_BYTES,
    LONGEST_TEXT,
    MOST_ATTACHMENTS,
    read_mail,
    without_markup,
)
from customhouse.terms.errors import Rejected
from letters_in import letter


def test_a_plain_letter_is_read_as_it_was_meant() -> None:
    mail = read_mail(letter("Grüße\n\n-- \nRita", Subject="Ein Loch: ä", References="<a@x> <b@x>").as_bytes())
    assert (mail.sender, mail.sender_name, mail.subject) == ("rita@example.org", "Rita", "Ein Loch: ä")
    assert mail.text == "Grüße\n\n--\nRita" or mail.text.startswith("Grüße")
    assert (mail.message_id, mail.answers) == ("one@example.org", ("a@x", "b@x"))
    assert not mail.automatic


def test_attachments_are_kept_as_bytes_and_their_names_hold_no_path() -> None:
    message = letter()
    message.add_attachment(b"\x00\x01", maintype="application", subtype="x-tar", filename="../../etc/x.tar")
    message.add_attachment("print()\n", subtype="x-python", filename="poc.py")
    mail = read_mail(message.as_bytes())
    assert [(one.filename, one.content_type, one.body) for one in mail.attachments] == [
        ("x.tar", "application/x-tar", b"\x00\x01"), ("poc.py", "text/x-python", b"print()\n"),
    ]  # fmt: skip


def test_what_is_too_much_is_left_out_and_said() -> None:
    message = letter("x" * (LONGEST_TEXT + 5))
    for number in range(MOST_ATTACHMENTS + 3):
        message.add_attachment(b"x", maintype="application", subtype="y", filename=f"{number}")
    message.add_attachment(b"x" * (LARGEST_ATTACHMENT_BYTES + 1), maintype="application", subtype="y", filename="l")
    mail = read_mail(message.as_bytes())
    assert (len(mail.attachments), mail.dropped) == (MOST_ATTACHMENTS, 4)
    assert mail.text.endswith("characters.]")
    with pytest.raises(Rejected, match="at most"):
        read_mail(b"x" * (LARGEST_BYTES + 1))


def test_an_html_letter_gives_its_words_and_no_script() -> None:
    message = letter()
    message.set_content("<style>p{}</style><p>One</p><script>alert(1)</script><p>Two &amp; three</p>", subtype="html")
    assert (
        read_mail(message.as_bytes()).text == "One\n\nTwo & three" or "alert" not in read_mail(message.as_bytes()).text
    )


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"List_Id": "<l.example.org>"},
     {"Return_Path": "<>"}, {"X_Autoreply": "yes"}],
)  # fmt: skip
def test_automatic_letters_are_known_for_what_they_are(headers: dict[str, str]) -> None:
    assert read_mail(letter(**headers).as_bytes()).automatic


def test_an_encoded_word_does_not_become_an_address() -> None:
    raw = b"From: =?utf-8?q?alice=40example=2Eorg?= <rita@example.org>\nSubject: x\n\ny\n"
    assert read_mail(raw).sender == "rita@example.org"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\n", b"From\n\n", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 2,
        b"Content-Type: text/plain; charset=no-such\n\n\xff\xfe", b"Subject: =?no-such?q?x?=\n\ny",
        b"Content-Type: text/plain; charset*0*=utf-8''%ff; name*=x''%\n\ny",
        b"Content-Transfer-Encoding: base64\n\n\xff\xff=", b"From: \xff\xfe <\xff@\xff>\n\ny",
        b"Subject: =?utf-8?b?" + b"A" * 999 + b"?=\n\ny", b"Content-Transfer-Encoding: uuencode\n\nbegin 6x\n\xff",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (one, one) for one in range(3000)),
    ],
)  # fmt: skip
def test_a_letter_that_was_made_to_break_us_is_read_or_refused(raw: bytes) -> None:
    try:
        mail = read_mail(raw)
    except Rejected:
        return
    f"{mail.text}{mail.subject}{mail.sender}{mail.sender_name}".encode()
    assert mail.key


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"From: a@b\n", b"Content-Type: multipart/mixed; boundary=x\n", b"--x\n", b"--x--\n", b"\n",
             b"Content-Type: text/html\n", b"Content-Disposition: attachment; filename=", b"=?utf-8?q?=ff?=", b"\xff",
             b"Content-Type: message/rfc822\n", b"Content-Transfer-Encoding: base64\n", b"<a@b>", b"References: "]
        )
        | st.binary(max_size=20),
        max_size=60,
    )
)  # fmt: skip
def test_no_bytes_end_in_anything_but_a_letter_or_a_refusal(pieces: list[bytes]) -> None:
    try:
        mail = read_mail(b"".join(pieces))
    except Rejected:
        return
    f"{mail.text}{mail.subject}{mail.sender}{mail.sender_name}{''.join(one.filename for one in mail.attachments)}".encode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<!--" * 100_000),
        ("text/html", b"<a b='" * 80_000),
        ("text/html", b"<script></s" * 40_000),
        ("text/plain; charset=punycode", b"a-" + b"zzz9" * 500_000),
        ('text/plain; a="' + ";" * 200_000, b"Hello"),
    ],
)
def test_no_letter_takes_time_that_grows_with_the_square_of_its_length(content_type: str, body: bytes) -> None:
    began = time.process_time()
    with suppress(Rejected):
        read_mail(b"From: a@b.example\nContent-Type: " + content_type.encode() + b"\n\n" + body)
    assert time.process_time() - began < 3


def test_a_letter_of_very_many_multiparts_in_each_other_is_refused() -> None:
    opened = "".join(f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n' for at in range(200))
    with pytest.raises(Rejected):
        read_mail(b"From: a@b.example\n" + opened.encode() + b"\n" + b"-\n" * 1000)


def test_what_a_letter_hides_in_markup_is_no_word_of_it() -> None:
    text = "<head><title>T</title></head><p>Hi &amp; bye<br>a < b<script>if(a<b){}</SCRIPT ><div>end<!-- <p>no"
    assert without_markup(text) == "Hi & bye\na < b\nend"
