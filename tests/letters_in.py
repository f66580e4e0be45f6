"""Letters as somebody writes them to the disclosure desk."""

from __future__ import annotations

from email.message import EmailMessage


def letter(text: str = "Look at line 3.", **headers: str) -> EmailMessage:
    """A plain one; headers by name with "_" for "-"."""
    message = EmailMessage()
    usual = {
        "From": "Rita <rita@example.org>", "To": "security@index.test", "Subject": "It leaks",
        "Message-ID": "<one@example.org>",
    }  # fmt: skip
    for name, value in (usual | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        message[name] = value
    message.set_content(text)
    return message
