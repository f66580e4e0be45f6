"""A small C extension project for releases: one git repository, written the same, byte for byte, each time.

It needs setuptools to build, nothing to run, and `unittest` to test. What it builds with is locked with hashes, and
lies in a wheelhouse made of the setuptools that is installed here: nothing is fetched.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

NAME = "sealed"
FIRST_VERSION = "1.0.0"
NEXT_VERSION = "1.1.0"
WRITTEN_AT = "2026-01-02T03:04:05+00:00"
"""Author's and committer's time of the first commit."""

PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "sealed"
version = "{version}"
description = "Counts what is under a seal"
readme = "README.md"
requires-python = ">=3.10"
license = "MIT"
license-files = ["LICENSE"]
authors = [{{ name = "Rosa", email = "rosa@example.org" }}]

[project.scripts]
sealed = "sealed.__main__:main"

[tool.setuptools.packages.find]
where = ["src"]

[tool.towncrier]
package = "sealed"
package_dir = "src"
directory = "newsfragments"
filename = "CHANGELOG.md"
start_string = "<!-- towncrier release notes start -->\\n"
title_format = "## {{version}} ({{project_date}})"
issue_format = "#{{issue}}"
underlines = ["", "", ""]
"""
SETUP = """\
from setuptools import Extension, setup

setup(ext_modules=[Extension("sealed._seal", ["src/sealed/_seal.c"], depends=["src/sealed/seal.h"])])
"""
MANIFEST = """\
graft tests
graft newsfragments
graft requirements
include CHANGELOG.md src/sealed/seal.h .gitignore
"""
INIT = '''\
"""Counts what is under a seal."""

from sealed._seal import seal

__all__ = ["__version__", "seal"]
__version__ = "{version}"
'''
MAIN = '''\
"""The command line: print the seal of each argument."""

import sys

from sealed import seal


def main() -> None:
    for argument in sys.argv[1:]:
        print(f"{seal(argument.encode()):08x}  {argument}")


if __name__ == "__main__":
    main()
'''
HEADER = """\
#ifndef SEALED_SEAL_H
#define SEALED_SEAL_H
#define SEALED_OFFSET 2166136261u
#define SEALED_PRIME 16777619u
#endif
"""
SOURCE = """\
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <assert.h>
#include "seal.h"

/* FNV-1a over the bytes. */
static unsigned int
seal_bytes(const unsigned char *bytes, Py_ssize_t size)
{
    unsigned int sum = SEALED_OFFSET;
    assert(size >= 0);
    for (Py_ssize_t at = 0; at < size; at++) {
        sum = (sum ^ bytes[at]) * SEALED_PRIME;
    }
    return sum;
}

static PyObject *
seal(PyObject *module, PyObject *args)
{
    const char *bytes;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y#", &bytes, &size)) {
        return NULL;
    }
    return PyLong_FromUnsignedLong(seal_bytes((const unsigned char *)bytes, size));
}

static PyMethodDef methods[] = {
    {"seal", seal, METH_VARARGS, "The seal of some bytes, a number below 2**32."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_seal", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__seal(void)
{
    return PyModule_Create(&definition);
}
"""
TESTS = """\
import subprocess
import sys
import unittest

import sealed


class Seals(unittest.TestCase):
    def test_of_nothing(self):
        self.assertEqual(sealed.seal(b""), 2166136261)

    def test_of_a_letter(self):
        self.assertEqual(sealed.seal(b"a"), 0xE40C292C)

    def test_on_the_command_line(self):
        said = subprocess.run([sys.executable, "-m", "sealed", "a"], capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout, "e40c292c  a\\n")


if __name__ == "__main__":
    unittest.main()
"""
CHANGELOG = """\
# Changelog

<!-- towncrier release notes start -->

## 1.0.0 (2026-01-02)

- The first release.
"""
LICENSE = """\
MIT License

Copyright (c) 2026 Rosa

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in it without
restriction. It is provided "as is", without warranty of any kind.
"""


@dataclass(frozen=True)
class SealedProject:
    """The project, written."""

    folder: Path
    """A work tree with one commit on ``main``."""
    commit: str
    wheelhouse: Path
    """What it builds with; ``--find-links``."""
    requires: str = "requirements/build.txt"
    """The lock, inside the work tree."""


def write_sealed_project(folder: Path, wheelhouse: Path, *, version: str = FIRST_VERSION) -> SealedProject:
    """Write the project into ``folder`` (new) and commit it; fill ``wheelhouse`` unless it is filled."""
    wheel = setuptools_wheel(wheelhouse)
    for path, text in _files(version, wheel).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    return SealedProject(folder, commit_all(folder, f"sealed {version}"), wheelhouse)


def _files(version: str, wheel: Path) -> dict[str, str]:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return {
        "pyproject.toml": PYPROJECT.format(version=version),
        "setup.py": SETUP,
        "MANIFEST.in": MANIFEST,
        "README.md": "# sealed\n\nCounts what is under a seal.\n",
        "CHANGELOG.md": CHANGELOG,
        "LICENSE": LICENSE,
        ".gitignore": "build/\ndist/\n*.egg-info/\n*.so\n__pycache__/\n",
        "src/sealed/__init__.py": INIT.format(version=version),
        "src/sealed/__main__.py": MAIN,
        "src/sealed/seal.h": HEADER,
        "src/sealed/_seal.c": SOURCE,
        "tests/test_seal.py": TESTS,
        "newsfragments/7.feature.md": "The command `sealed` prints seals.\n",
        "newsfragments/9.bugfix.md": "The seal of nothing is no longer refused.\n",
        "requirements/build.txt": f"setuptools=={distribution('setuptools').version} \\\n    --hash=sha256:{digest}\n",
    }


def git(folder: Path, *arguments: str, at: str = WRITTEN_AT) -> str:
    """Run git there as Rosa, with nothing of this machine's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Rosa",
        "GIT_AUTHOR_EMAIL": "rosa@example.org",
        "GIT_COMMITTER_NAME": "Rosa",
        "GIT_COMMITTER_EMAIL": "rosa@example.org",
        "GIT_AUTHOR_DATE": at,
        "GIT_COMMITTER_DATE": at,
    }
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit_all(folder: Path, message: str, *, at: str = WRITTEN_AT) -> str:
    """Commit whatever is in the work tree; returns the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message, at=at)
    return git(folder, "rev-parse", "HEAD")


def setuptools_wheel(wheelhouse: Path) -> Path:
    """The setuptools that is installed here, as a wheel: the same bytes each time. Made once for each folder."""
    found = distribution("setuptools")
    wheel = wheelhouse / f"setuptools-{found.version}-py3-none-any.whl"
    if not wheel.exists():
        wheelhouse.mkdir(parents=True, exist_ok=True)
        made = wheel.with_suffix(f".{os.getpid()}")
        made.write_bytes(pack_installed(found))
        made.replace(wheel)
    return wheel


def pack_installed(found: Distribution) -> bytes:
    """A wheel of what is installed here, without what installing has added."""
    names = [str(path) for path in found.files or ()]
    (info,) = {
        name.partition("/")[0] for name in names if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
    }
    left_out = {f"{info}/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")}
    names = sorted(
        name
        for name in names
        # The wheel's own start-up file (.pth) would be run by each Python that finds it.
        if not name.startswith("..") and not name.endswith((".pyc", ".pth")) and name not in left_out
    )
    body = io.BytesIO()
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in names:
            content = Path(str(found.locate_file(name))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow((name, f"sha256={digest}", len(content)))
            _add(archive, name, content)
        rows.writerow((f"{info}/RECORD", "", ""))
        _add(archive, f"{info}/RECORD", record.getvalue().encode())
    return body.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    member.external_attr = 0o100644 << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content)
