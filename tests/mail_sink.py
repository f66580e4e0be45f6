"""A mail server that keeps what it is given, for tests to read.

``with mail_sink() as sink:`` run things with the settings `sink.settings`, then ``sink.letters_to("alice@example.org")``
gives the messages and `text_of` their words with the soft line breaks taken out.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from servers import free_port

TAKEN = "250 Message accepted"


@dataclass
class MailSink:
    """What has arrived. ``recipient`` and ``letter`` say what the server answers to each."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    """For each message, whether it came through TLS."""
    recipient: Callable[[str], str] = lambda _address: "250 OK"
    letter: Callable[[EmailMessage], str] = lambda _message: TAKEN

    @property
    def settings(self) -> dict[str, object]:
        """Settings of an index that sends its mail here."""
        return {"smtp_host": "127.0.0.1", "smtp_port": self.port, "mail_from": "index@customhouse.example"}

    @property
    def environment(self) -> dict[str, str]:
        """The same for a server process."""
        return {f"CUSTOMHOUSE_{name.upper()}": str(value) for name, value in self.settings.items()}

    def clear(self) -> None:
        """Forget everything that has arrived."""
        for kept in (self.messages, self.envelopes, self.secured):
            kept.clear()

    def letters_to(self, address: str) -> list[EmailMessage]:
        """Every letter to that address, the first one first."""
        pairs = zip(self.messages, self.envelopes, strict=True)
        return [message for message, envelope in pairs if address in envelope.rcpt_tos]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.recipient(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        message = message_from_bytes(_bytes(envelope.content), EmailMessage, policy=default)
        answer = self.letter(message)
        if answer.startswith("2"):
            self.messages.append(message)
            self.envelopes.append(envelope)
            self.secured.append(
                server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
            )
        return answer


@contextmanager
def mail_sink(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None,
    smtputf8: bool = True,
) -> Iterator[MailSink]:  # fmt: skip
    """A running server on loopback: plain, with TLS from the first byte, or with STARTTLS, with a login or without."""
    sink = MailSink(free_port())

    def let_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = (given.login.decode(), given.password.decode()) == login
        return AuthResult(success=right, handled=False)

    controller = Controller(
        sink,
        hostname="127.0.0.1",
        port=sink.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=let_in if login else None,
        auth_required=login is not None,
        auth_require_tls=starttls is not None,
        enable_SMTPUTF8=smtputf8,
    )
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


def _bytes(content: bytes | str | None) -> bytes:
    assert isinstance(content, bytes)
    return content


def text_of(message: EmailMessage) -> str:
    """The words of a letter, each paragraph in one line (RFC 3676)."""
    lines: list[str] = []
    open_ended = False
    for raw in str(message.get_content()).splitlines():
        quoted = raw.startswith(">")
        line = raw[1:].removeprefix(" ") if quoted else raw.removeprefix(" ")
        if open_ended:
            lines[-1] += line
        else:
            lines.append(f"> {line}" if quoted else line)
        open_ended = raw.endswith(" ")
    return "\n".join(line.rstrip() for line in lines)
