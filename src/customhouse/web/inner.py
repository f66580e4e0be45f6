"""What stands behind the read path of one worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Inner:
    """The application behind the read path, and what must run for as long as it is used."""

    app: ASGIApp
    lives: Callable[[], AbstractAsyncContextManager[None]]
