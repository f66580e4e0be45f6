"""Asks a build backend for an sdist or a wheel. Runs inside a cell, in the build's own Python, from 3.8 on.

Run as ``python -s backend.py sdist|wheel SOURCE OUT BACKEND [PATH…]``: BACKEND is the object reference that stands in
pyproject.toml, PATHs are its ``backend-path``. Ends with 3 if a requirement is missing that the backend asks for.

Source: PEP 517 (hooks), PEP 518 (the default backend is ``setuptools.build_meta:__legacy__``).
"""

import importlib
import os
import re
import sys


def main() -> None:
    """Do it."""
    what, source, out, reference = sys.argv[1:5]
    sys.path[0:1] = [os.path.join(source, path) for path in sys.argv[5:]]  # noqa: PTH118
    os.chdir(source)
    module, _, attribute = reference.partition(":")
    backend = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        backend = getattr(backend, name)
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - after the backend's own path

    ask = getattr(backend, "get_requires_for_build_" + what, None)
    for requirement in ask(None) if ask is not None else ():
        name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
        try:
            distribution(name)
        except PackageNotFoundError:
            sys.stderr.write(f"the backend asks for {requirement}, which the lock does not name\n")
            sys.exit(3)
    getattr(backend, "build_" + what)(out)


if __name__ == "__main__":
    main()
