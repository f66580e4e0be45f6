"""What is the same in every world is made once per process: the SQL of statements, and the doors that know no app.

Making both again for each world took a fifth of the time of tests of the web. What is tested stays what it was: the
same statements on a database of its own, the same doors around an app of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.util import LRUCache

from customhouse.infra import db
from customhouse.web import asgi

STATEMENTS = 5000
"""How many are kept: ten times SQLAlchemy's own bound, because tests of many parts share them."""
_first: dict[str, Engine] = {}


def share_statements() -> None:
    """Let all engines of this process compile for the same dialect, into the same cache."""
    make: Callable[[URL], Engine] = db._engine

    def shared(url: URL) -> Engine:
        engine = make(url)
        first = _first.get(engine.dialect.name)
        if first is None:
            engine._compiled_cache = LRUCache(STATEMENTS)
            # Its dialect learns at the first connection what the server can; only then others may have it.
            event.listen(engine, "connect", lambda *_: _first.setdefault(engine.dialect.name, engine))
            return engine
        engine.dialect = engine.pool._dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
        return engine

    db._engine = shared


def share_doors() -> None:
    """Let doors that are made without an app be made once: they find the app in the request."""
    for name, made in list(vars(asgi).items()):
        if name.endswith("_doors") and inspect.isfunction(made) and not inspect.signature(made).parameters:
            setattr(asgi, name, cache(made))
