"""A file that does not come to its end."""

from __future__ import annotations


class Cut(Exception):
    """The file turned out wrong, or broke off, after its beginning was sent: the connection must be cut."""
