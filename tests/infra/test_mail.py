"""Letters by SMTP: what they look like, what nobody can smuggle into them (A50), and what a mail server may answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from customhouse.infra.mail import Letter, Smtp, address, compose, flowed, send, smtp_of
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused, Rejected, Unavailable
from mail_sink import MailSink, mail_sink, text_of
from receiver import certificate_for
from servers import free_port

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LETTER = Letter("alice@example.org", "Hello", "One.\n\nTwo.")
NO_ADDRESSES = [
    "", "alice", "@example.org", "alice@", "a@b@c", "alice@example.org\r\nBcc: mallory@example.org",
    "alice@example.org\nX: y", "alice@example.org, mallory@example.org", "alice@example.org;mallory@example.org",
    "Alice <alice@example.org>", "<alice@example.org>", '"alice"@example.org', "alice(comment)@example.org",
    "alice @example.org", "alice@exam ple.org", "alice@[127.0.0.1]", "alice@-example.org", "alice@example..org",
    ".alice@example.org", "alice.@example.org", "al..ice@example.org", "alice@example.org>", "a" * 65 + "@example.org",
    "alice@" + "a." * 130 + "org", "alice\x00@example.org", "alice@example.org\u2028", "al\\ice@example.org",
]  # fmt: skip


def smtp(sink: MailSink) -> Smtp:
    made = smtp_of(Settings.model_validate(sink.settings))
    assert made is not None
    return made


def post(server: Smtp, letter: Letter = LETTER) -> None:
    send(server, compose(letter, server, at=AT, message_id="abc"))


def test_a_letter_arrives_in_plain_text_with_honest_headers() -> None:
    with mail_sink() as sink:
        post(replace(smtp(sink), sender="The index <index@customhouse.example>"))
        [letter] = sink.letters_to("alice@example.org")
    assert letter["From"] == "The index <index@customhouse.example>"
    assert letter["To"] == "alice@example.org"
    assert letter["Subject"] == "Hello"
    assert letter["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert letter["Message-ID"] == "<abc@customhouse.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_param("format") == "flowed"
    assert letter.get_content_charset() == "utf-8"
    assert text_of(letter) == "One.\n\nTwo."
    assert sink.envelopes[0].mail_from == "index@customhouse.example"


def test_words_beyond_ascii_and_long_addresses_of_the_web_arrive_whole() -> None:
    link = "https://index.example/" + "x" * 300
    text = (
        f"Grüße from 東京, and a sentence that is quite long, so that it must be broken somewhere, twice even.\n{link}"
    )
    with mail_sink() as sink:
        post(smtp(sink), Letter("alice@example.org", "Grüße 東京", text))
        [letter] = sink.letters_to("alice@example.org")
    assert letter["Subject"] == "Grüße 東京"
    assert text_of(letter) == text
    assert link in letter.get_content()


def test_the_same_letter_under_the_same_id_is_the_same_message() -> None:
    server = Smtp("127.0.0.1", 25, "index@customhouse.example")
    first, second = (compose(LETTER, server, at=AT, message_id="abc") for _ in range(2))
    assert bytes(first) == bytes(second)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_not_plainly_one_address_is_no_address(text: str) -> None:
    with pytest.raises(Rejected, match=r"address|domain"):
        address(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [("alice@localhost", "localhost"), ("a+b.c_d@mail.example.org", "mail.example.org"),
     ("alice@bücher.example", "xn--bcher-kva.example"), ("jörg@example.org", "example.org")],
)  # fmt: skip
def test_a_plain_address_is_one(text: str, domain: str) -> None:
    assert address(text).domain == domain


@pytest.mark.parametrize(
    "evil",
    ["x\r\nBcc: mallory@example.org", "x\nBcc: mallory@example.org", "x\r\n\r\nbody", "x\u2028Bcc: m@e.org", "x\x00y"],
)
def test_no_subject_adds_a_header_or_a_body(evil: str) -> None:
    server = Smtp("127.0.0.1", 25, "index@customhouse.example")
    sent = bytes(compose(Letter("alice@example.org", evil, "The text."), server, at=AT, message_id="abc"))
    read = message_from_bytes(sent, policy=default)
    assert read["Bcc"] is None
    assert read.get_payload() == "The text.\r\n"
    assert set(read.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
        "MIME-Version",
    }  # fmt: skip


def test_no_text_ends_the_letter_early() -> None:
    text = "before\r\n.\r\nMAIL FROM:<mallory@example.org>\r\nafter\r.\rend"
    with mail_sink() as sink:
        post(smtp(sink), Letter("alice@example.org", "Hello", text))
        [letter] = sink.messages
    assert text_of(letter) == "before\n.\nMAIL FROM:<mallory@example.org>\nafter . end"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("word " * 20, ["word " * 14, "word word word word word word"]),
        ("> " + "word " * 20, ["> " + "word " * 14, "> word word word word word word"]),
        ("From here", [" From here"]),
        (">no quote", [" >no quote"]),
        ("trailing   ", ["trailing"]),
        ("\n\na\n\n\nb\n\n", ["a", "", "", "b"]),
        ("https://" + "x" * 100, ["https://" + "x" * 100]),
    ],
)
def test_lines_are_short_and_say_whether_they_go_on(text: str, lines: list[str]) -> None:
    assert flowed(text).splitlines() == lines


@pytest.mark.parametrize("code", [550, 551, 553, 521])
def test_a_recipient_who_is_refused_is_refused_for_good(code: int) -> None:
    with mail_sink() as sink:
        sink.recipient = lambda _address: f"{code} No such person"
        with pytest.raises(Refused, match=f"refuses the recipient: {code} No such person"):
            post(smtp(sink))


def test_a_letter_that_is_refused_is_refused_for_good() -> None:
    with mail_sink() as sink:
        sink.letter = lambda _message: "554 Spam"
        with pytest.raises(Refused, match="refuses the letter: 554 Spam"):
            post(smtp(sink))


def test_what_the_server_does_not_take_now_is_tried_again() -> None:
    with mail_sink() as sink:
        sink.recipient = lambda _address: "451 Greylisted"
        with pytest.raises(Unavailable, match="451 Greylisted"):
            post(smtp(sink))
        sink.recipient, sink.letter = (lambda _address: "250 OK"), (lambda _message: "452 Disk full")
        with pytest.raises(Unavailable, match="452 Disk full"):
            post(smtp(sink))
    with pytest.raises(Unavailable, match="ConnectionRefused"):
        post(Smtp("127.0.0.1", free_port(), "index@customhouse.example"))


def test_starttls_is_used_verified_and_never_given_up(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, "IP:127.0.0.1")
    with mail_sink(starttls=made.server) as sink:
        secured = replace(smtp(sink), security="starttls", trust=made.client)
        post(secured)
        with pytest.raises(Unavailable, match="certificate"):
            post(replace(smtp(sink), security="starttls"))
        assert sink.secured == [True]
    with mail_sink() as sink:
        with pytest.raises(Unavailable, match="STARTTLS"):
            post(replace(secured, port=sink.port))
        assert sink.messages == []


def test_tls_from_the_first_byte_is_verified(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, "IP:127.0.0.1")
    with mail_sink(tls=made.server) as sink:
        post(replace(smtp(sink), security="tls", trust=made.client))
        with pytest.raises(Unavailable, match="certificate"):
            post(replace(smtp(sink), security="tls"))
        assert sink.secured == [True]


def test_we_sign_in_and_a_wrong_password_is_for_the_operator_to_mend(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, "IP:127.0.0.1")
    with mail_sink(starttls=made.server, login=("index", "right")) as sink:
        secured = replace(smtp(sink), security="starttls", trust=made.client, user="index")
        post(replace(secured, password="right"))
        with pytest.raises(Unavailable, match="535"):
            post(replace(secured, password="wrong"))
        with pytest.raises(Unavailable, match="530"):
            post(replace(secured, user=""))
        assert len(sink.messages) == 1
        assert "right" not in repr(replace(secured, password="right"))


def test_an_address_beyond_ascii_needs_a_server_that_knows_it() -> None:
    letter = replace(LETTER, to="jörg@example.org")
    with mail_sink() as sink:
        post(smtp(sink), letter)
        assert len(sink.letters_to("jörg@example.org")) == 1
    with mail_sink(smtputf8=False) as sink, pytest.raises(Refused, match="beyond ASCII"):
        post(smtp(sink), letter)


def test_without_a_mail_server_there_is_none() -> None:
    assert smtp_of(Settings()) is None
