"""A small release pipeline in which lint finds nothing, and ways to spoil it."""

from __future__ import annotations

from customhouse.formats.pipeline.lint import lint
from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.read import read_pipeline

SMALL = r"""
[pipeline]
schema = 1
version = 1
project = "sealed"

[params]
version = { pattern = '\d+\.\d+' }
branch = { pattern = 'main', default = "main" }
kind = { pattern = 'bugfix|security', default = "bugfix" }

[actors]
rm = { identities = ["user:rosa", "oidc:https://index.example#rosa"], factor = "webauthn" }
second = { identities = ["user:ravi"], factor = "webauthn" }
third = { identities = ["user:tora"] }
ci-a = { machine = true, identities = ["oidc:https://a.example#a"] }
ci-b = { machine = true, identities = ["oidc:https://b.example#b"] }

[environments]
upstream = { kind = "forge", writers = ["rm"] }
fork = { kind = "forge" }
desk = { kind = "local" }
ci = { kind = "ci", network = "none", ephemeral = true, cache = false }
ci-b = { kind = "ci", network = "none", ephemeral = true, cache = false }
index = { kind = "store" }

[artifacts]
frozen = { type = "git-commit" }
commit = { type = "git-commit" }
tag = { type = "git-tag", points_to = "commit" }
dists = { type = "files", names = ["sealed-{version}.tar.gz"], reproducible = true }
sigs = { type = "files", names = ["{artifact}.sigstore.json"], covers = ["dists"] }

[risks.tamper]
mitigations = ["rebuild:2"]

[[steps]]
id = "freeze"
actor = "rm"
env = "upstream"
uses = "git.freeze"
out = ["frozen"]

[[steps]]
id = "commit"
actor = "rm"
env = "desk"
uses = "git.commit_and_tag"
in = ["frozen"]
out = ["commit", "tag"]

[[steps]]
id = "push-fork"
actor = "rm"
env = "fork"
uses = "git.push"
in = ["commit", "tag"]
watch = ["tag"]

[[steps]]
id = "build"
actor = "ci-a"
env = "ci"
uses = "build.python"
in = ["commit", "tag"]
out = ["dists"]
after = ["push-fork"]
rebuild = { by = ["ci-b"], env = "ci-b" }
checks = ["rebuilds-agree", "tree-equals-source"]
risks = ["tamper"]
with = { requires = "build.txt" }

[[steps]]
id = "stage"
actor = "rm"
env = "index"
uses = "index.stage"
in = ["dists"]

[[steps]]
id = "test"
actor = "ci-a"
env = "ci"
uses = "test.install"
in = ["dists"]
after = ["stage"]

[[steps]]
id = "stop"
actor = "rm"
env = "index"
uses = "gate"
after = ["test"]
gate = { need = ["rm", "second"], ask = "Green light for {version}?", factor = "webauthn" }

[[steps]]
id = "sign"
actor = "rm"
env = "desk"
uses = "sign.all"
in = ["dists"]
out = ["sigs"]
after = ["stop"]
checks = ["signed-as-tested", "signatures-complete", "signatures-verify"]

[[steps]]
id = "publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["dists", "sigs"]
no_return = true

[[steps]]
id = "fetch-back"
actor = "ci-a"
env = "index"
uses = "index.fetch_back"
in = ["dists", "sigs"]
after = ["publish"]

[[steps]]
id = "push-last"
actor = "rm"
env = "upstream"
uses = "git.push_last"
in = ["commit", "tag"]
after = ["fetch-back"]

[[steps]]
id = "unfreeze"
actor = "rm"
env = "upstream"
uses = "git.unfreeze"
after = ["push-last"]
always = true
"""


def spoiled(*changes: tuple[str, str], step: str = "") -> str:
    """The small pipeline with each first text replaced by the second, once, from the step on; both must be there."""
    text = SMALL
    start = text.index(f'id = "{step}"') if step else 0
    for old, new in changes:
        assert old in text[start:], old
        text = text[:start] + text[start:].replace(old, new, 1)
    return text


def small() -> Pipeline:
    """The pipeline as it is."""
    return read_pipeline(SMALL)


def codes(text: str) -> list[str]:
    """The codes that lint finds in a text."""
    return [one.code for one in lint(read_pipeline(text))]
