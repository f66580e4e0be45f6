"""A policy is read whole or refused whole: with the line, and with what was probably meant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from customhouse.formats.policy.level_texts import LEVELS, level_text
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.terms.errors import Rejected
from policies import NOW, ago, decided, known, policy, rule

# Section 6 of the digest that this language follows, word for word.
DIGEST = """\
level = "balanced"
[[rule]]
name = "cooldown"
deny-if.age = "< 7d"
unless.fixes-vulnerability = "high"     # a version that fixes a >= high advisory in what you run or could get
action = "hide"
[[rule]]
name = "no takeover"
deny-if.publisher-changed = true
action = "hold"
[[rule]]
name = "known bad"
deny-if.vulns = { severity = ">= high", has-fix = true }
action = "warn"
[[exception]]
package = "acme-*"
rules = ["cooldown"]
reason = "our own"
[[exception]]
package = "torch"
version = "==2.9.0"
rules = ["known bad"]
vex = "vulnerable_code_not_in_execute_path"
reason = "we never unpickle"
owner = "alice"
expires = 2027-02-01                     # required unless the package is internal; at most 180 d
"""


def test_the_example_of_the_digest_loads_as_it_stands() -> None:
    found = read_policy(DIGEST, now=NOW)
    assert [found.rule(name).action for name in ("cooldown", "no takeover", "known bad")] == ["hide", "hold", "warn"]  # type: ignore[union-attr]
    assert found.level == "balanced"


@pytest.mark.parametrize(
    ("line", "key", "why", "meant", "text"),
    [
        # keys and words
        (2, "levle", "no key 'levle'", "did you mean 'level'?", "levle = 1"),
        (3, "rule 'r', deny-fi", "no key of a rule called 'deny-fi'", "did you mean 'deny-if'?", '[[rule]]\ndeny-fi.age = "< 7d"\nname = "r"'),
        (4, "rule 'r', deny-if.aeg", "no signal 'aeg'", "did you mean 'age'?", rule('deny-if.aeg = "< 7d"')),
        (4, "rule 'r', deny-if.downloads.30", "no operator", "", rule("deny-if.downloads.30 = 1")),
        (5, "rule 'r', action", "'hid' is not known", "did you mean 'hide'?", rule('deny-if.age = "< 7d"\naction = "hid"')),
        (4, "rule 'r', unknown", "'ignore' is not known", "one of", rule('unknown = "ignore"\ndeny-if.age = "< 7d"')),
        (4, "rule 'r', hosted", "neither true nor false", "true or false", rule('hosted = "yes"\ndeny-if.age = "< 7d"')),
        (2, "rule", "no list of tables", "[[rule]]", '[rule]\nname = "r"'),
        (2, "rule 'r'", "neither conditions nor packages", "deny-if", rule('action = "deny"')),
        (2, "rule, name", "it is missing", "cooldown", '[[rule]]\naction = "deny"'),
        (2, "rule 'r'", "does not say what it does", "action", rule('packages = ["a"]')),
        (5, "rule 'r', hide-if", "has 'deny-if' already", "several rules", rule('deny-if.age = "< 7d"\nhide-if.yanked = true')),
        (7, "rule 'r', name", "already, on line 2", "a name of its own", rule("deny-if.yanked = true") + '[[rule]]\ndeny-if.removed = true\nname = "r"'),
        (4, "rule 'r', unknown", "a rule that allows cannot deny", "'skip'", rule('unknown = "deny"\nallow-if.critical = true')),
        (5, "rule 'r', deny-if.vulnerabilities", "asked for twice", "a list", rule("deny-if.vulns = true\ndeny-if.vulnerabilities = true")),
        (4, "rule 'r', deny-if", "no condition", "one by signal", rule("deny-if = {}")),
        (2, "without[1]", "has no rule 'colddown'", "one of", 'without = ["quarantined", "colddown"]'),
        (2, "internal", "could be anybody's", "acme-*", 'internal = "*"'),
        (2, "default", "'drop' is not known", "one of", 'default = "drop"'),
        # ages
        (4, "rule 'r', deny-if.age", "no age is negative", "7d", rule('deny-if.age = "< -3d"')),
        (4, "rule 'r', deny-if.age", "is never so", "7d", rule('deny-if.age = "< 0d"')),
        (4, "rule 'r', deny-if.age", "is always so", "7d", rule('deny-if.age = ">= 0d"')),
        (4, "rule 'r', deny-if.age", "says not how age is compared", 'did you mean "< 7d"?', rule('deny-if.age = "7d"')),
        (4, "rule 'r', deny-if.age", "'7 months' is no duration", "h, d, w or y", rule('deny-if.age = "< 7 months"')),
        (4, "rule 'r', deny-if.age", "no operator '=='", "<", rule('deny-if.age = "== 7d"')),
        (4, "rule 'r', deny-if.age", "7 is no age", "< 7d", rule("deny-if.age = 7")),
        (4, "rule 'r', deny-if.age", "is no duration", "", rule(f'deny-if.age = "< {"9" * 5000}d"')),
        (6, "rule 'r', deny-if.age[1]", "'3 dys' is no duration", "", rule('deny-if.age = [\n"< 7d",\n"> 3 dys"]')),
        # numbers, sizes
        (4, "rule 'r', deny-if.downloads", "'many' is no number", "1000", rule('deny-if.downloads = "< many"')),
        (4, "rule 'r', deny-if.downloads", "never negative", "1000", rule('deny-if.downloads = "< -5"')),
        (4, "rule 'r', deny-if.owners", "True is no comparison", "1000", rule("deny-if.owners = true")),
        (4, "rule 'r', deny-if.size", "'100 Miles' is no number", "100MB", rule('deny-if.size = "> 100 Miles"')),
        (4, "rule 'r', deny-if.owners", "is no number", "", rule("deny-if.owners = nan")),
        # words, texts, sets
        (4, "rule 'r', deny-if.kind", "'>' compares numbers and ages", "wheel", rule('deny-if.kind = "> wheel"')),
        (4, "rule 'r', deny-if.kind", "'sdits' is not known", "did you mean 'sdist'?", rule('deny-if.kind = "sdits"')),
        (4, "rule 'r', deny-if.owner-2fa", "'most' is not known", "one of all, any, none", rule('deny-if.owner-2fa = "most"')),
        (4, "rule 'r', deny-if.kind.not-in", "all words that there are", "", rule('deny-if.kind = { not-in = ["wheel", "sdist"] }')),
        (4, "rule 'r', deny-if.status.inn", "no operator for status called 'inn'", "did you mean 'in'?", rule('deny-if.status = { inn = ["archived"] }')),
        (4, "rule 'r', deny-if.status", "one operator", "", rule('deny-if.status = { in = ["archived"], is = "active" }')),
        (4, "rule 'r', deny-if.archive", "nothing that the archive reader notices", "did you mean 'pth-file'?", rule('deny-if.archive = "pth-fil"')),
        (4, "rule 'r', deny-if.yanked", "neither true nor false", "true or false", rule('deny-if.yanked = "yes"')),
        (4, "rule 'r', deny-if.name", "too many stars", "5 stars", rule('deny-if.name = "a*b*c*d*e*f*g"')),
        (4, "rule 'r', deny-if.version", "no specifier", "PEP 440", rule('deny-if.version = "one"')),
        (4, "rule 'r', deny-if.filename", "5 is no text", "", rule("deny-if.filename = 5")),
        # vulnerabilities
        (4, "rule 'r', deny-if.vulns.severity", "'hihg' is no severity", "did you mean 'high'?", rule('deny-if.vulns = { severity = ">= hihg" }')),
        (4, "rule 'r', deny-if.vulns.severity", "is never so", "low, medium, high, critical", rule('deny-if.vulns = { severity = "> critical" }')),
        (4, "rule 'r', deny-if.vulns.sevrity", "'sevrity'", "did you mean 'severity'?", rule('deny-if.vulns = { sevrity = "high" }')),
        (4, "rule 'r', deny-if.vulns.score", "is never so", "0 to 10", rule('deny-if.vulns = { score = ">= 11" }')),
        (4, "rule 'r', deny-if.vulns.epss", "is never so", "0 to 1", rule('deny-if.vulns = { epss = ">= 50" }')),
        (4, "rule 'r', deny-if.vulns.has-fix", "neither true nor false", "", rule('deny-if.vulns = { has-fix = "yes" }')),
        (4, "rule 'r', deny-if.vulns", "asks for nothing", "true", rule("deny-if.vulns = {}")),
        (4, "rule 'r', deny-if.attested.publisher", "'Githib' is no provider", "did you mean 'GitHub'?", rule('deny-if.attested = { publisher = "Githib" }')),
        (4, "rule 'r', unless.fixes", "'hgih' is no severity", "did you mean 'high'?", rule('unless.fixes = "hgih"\ndeny-if.age = "< 7d"')),
        (4, "rule 'r', deny-if.licence", "no SPDX identifier", "did you mean 'Apache-2.0'?", rule('deny-if.licence = "Apache-2"')),
        (4, "rule 'r', deny-if.licence", "'MIT OR ISC' is no SPDX identifier", "one licence for each entry", rule('deny-if.licence = "MIT OR ISC"')),
        # what no file could ever be
        (4, "rule 'r', packages[0]", "'torch==2.9' is no name of a project", "version", rule('packages = ["torch==2.9"]\naction = "deny"')),
        (4, "rule 'r', packages[0]", "'requests[socks]' is no name", "without extras", rule('packages = ["requests[socks]"]\naction = "deny"')),
        (4, "rule 'r', packages[1]", "'.*' is no name", "acme-*", rule('packages = ["a",\n".*"]\naction = "deny"').replace('["a",\n', '["a", ')),
        (4, "rule 'r', packages", "'two words' is no name", "acme-*", rule('packages = "two words"\naction = "deny"')),
        (4, "rule 'r', deny-if.name", "'torch>=2' is no name", "version", rule('deny-if.name = "torch>=2"')),
        (4, "rule 'r', deny-if.version", "no version is", "", rule('deny-if.version = ">=2,<1"')),
        (4, "rule 'r', deny-if.version", "no version is", "", rule('deny-if.version = ">1,<=1"')),
        (4, "rule 'r', deny-if.attested.repository", "is an address", "'acme/web'", rule('deny-if.attested = { repository = "https://github.com/acme/web" }')),
        (4, "rule 'r', deny-if.vulns.library", "in no library", "bundled-vulnerabilities", rule('deny-if.vulns = { library = "libwebp" }')),
        # data
        (3, "data.advisoris", "no data called 'advisoris'", "did you mean 'advisories'?", '[data]\nadvisoris = "2d"'),
        (3, "data.advisories", "'often' is no duration", "7d", '[data]\nadvisories = "often"'),
        (3, "data.advisories.missing", "'fine' is not known", "", '[data]\nadvisories = { max-age = "2d", missing = "fine" }'),
        # TOML itself
        (3, "", "this is no TOML", "TOML 1.0", "a = 1\na = 2"),
        (2, "", "this is no TOML", "TOML 1.0", 'a = "never ended'),
        (1, "", "no TOML that can be read", "", "a = " + "[" * 5000 + "]" * 5000),
        (1, "", "no TOML that can be read", "", "a = " + "9" * 5000),
        (1, "", "characters", "at most", "#" * 300_000),
    ],
)  # fmt: skip
def test_what_a_policy_cannot_mean_is_refused_with_its_line(
    line: int, key: str, why: str, meant: str, text: str
) -> None:
    with pytest.raises(BadPolicy) as refused:
        policy(text)
    assert (refused.value.line, refused.value.key) == (line, key)
    assert why in refused.value.why
    assert meant in refused.value.accepted
    assert len(str(refused.value)) < 1000
    if key:
        assert str(refused.value).startswith(f"line {line}, {key}: ")


EXCEPTION = (
    '[[exception]]\npackage = "torch"\nrules = ["quarantined"]\nreason = "why"\nowner = "alice"\nexpires = 2027-02-01\n'
)


@pytest.mark.parametrize(
    ("line", "key", "why", "meant", "old", "new"),
    [
        (7, "exception for 'torch', expires", "has expired on 2026-11-27", "another day", "2027-02-01", "2026-11-27"),
        (7, "exception for 'torch', expires", "more than 180 days away", "2027-05-27 at the latest", "2027-02-01", "2027-05-28"),
        (7, "exception for 'torch', expires", "is a text", "without quotes", "2027-02-01", '"2027-02-01"'),
        (7, "exception for 'torch', expires", "is no day", "2027-02-01", "2027-02-01", "2027-02-01T00:00:00Z"),
        (2, "exception for 'torch'", "ends some day", "2027-05-27", "expires = 2027-02-01\n", ""),
        (2, "exception for 'torch'", "nobody answers for it", "owner", 'owner = "alice"\n', ""),
        (4, "exception for 'torch', rules[0]", "no rule 'quarantine'", "did you mean 'quarantined'?", '"quarantined"', '"quarantine"'),
        (2, "exception for 'torch', rules", "names no rule", "rules", 'rules = ["quarantined"]\n', ""),
        (5, "exception for 'torch', reason", "is no text", "few words", '"why"', '" "'),
        (3, "exception for 'torch==2.9', package", "is no name of a project", "version", '"torch"', '"torch==2.9"'),
        (3, "exception for 'torch', version", "no version is", "", '"torch"', '"torch"\nversion = ">3,<2"'),
        (3, "exception for 'torch', version", "no specifier", 'did you mean "==2.9.0"?', '"torch"', '"torch"\nversion = "2.9.0"'),
        (3, "exception for 'torch', vex", "is not known", "did you mean 'component_not_present'?", '"torch"', '"torch"\nvex = "component_not_there"'),
        (3, "exception for 'torch', vex", "speaks of vulnerabilities", "leave it out", '"torch"', '"torch"\nvex = "component_not_present"'),
        (3, "exception for 'torch', expire", "'expire'", "did you mean 'expires'?", '"torch"', '"torch"\nexpire = 1'),
    ],
)  # fmt: skip
def test_an_exception_that_cannot_count_is_refused_with_its_line(
    line: int, key: str, why: str, meant: str, old: str, new: str
) -> None:
    policy(EXCEPTION)
    with pytest.raises(BadPolicy) as refused:
        policy(EXCEPTION.replace(old, new))
    where = line + (1 if key.endswith(("version", "vex", "expire")) else 0)
    assert (refused.value.line, refused.value.key) == (where, key)
    assert why in refused.value.why
    assert meant in refused.value.accepted


def test_the_last_day_that_is_allowed_is_allowed() -> None:
    policy(EXCEPTION.replace("2027-02-01", "2027-05-27"))
    policy(EXCEPTION.replace("2027-02-01", "2026-11-28"))


def test_a_policy_that_was_accepted_earlier_is_read_as_of_then_and_loses_its_exception_at_its_end() -> None:
    text = EXCEPTION.replace("2027-02-01", "2026-11-28")
    read_again = policy(text, now=NOW)
    quarantined = known(status="quarantined")
    assert decided(read_again, quarantined, name="torch").action == "allow"
    after = datetime(2026, 11, 29, tzinfo=UTC)
    assert decided(read_again, quarantined, name="torch").changes_at == after
    assert decided(read_again, quarantined, name="torch", now=after - timedelta(seconds=1)).action == "allow"
    assert decided(read_again, quarantined, name="torch", now=after).action == "deny"
    with pytest.raises(BadPolicy, match="has expired"):
        policy(text, now=after)


def test_an_exception_of_ours_needs_no_end() -> None:
    text = '[[exception]]\npackage = "acme-*"\nrules = ["quarantined"]\nreason = "our own"\n'
    quarantined = known(status="quarantined")
    unnamed = policy(text)
    assert "counts only for projects that are hosted here" in unnamed.remarks[0]
    assert decided(unnamed, quarantined, name="acme-web").action == "deny"
    named = policy('internal = ["acme-*"]\n' + text)
    assert not named.remarks
    assert decided(named, quarantined, name="acme-web").action == "allow"
    given = read_policy(f'level = "open"\n{text}', now=NOW, internal=["acme-*"])
    assert decided(given, quarantined, name="acme-web").action == "allow"
    assert decided(given, quarantined, name="acmeweb").action == "deny"


@pytest.mark.parametrize(("internal", "package"), [("xx*", "*xfoo"), ("ax*", "a?*"), ("acmex", "acme*")])
def test_a_pattern_of_which_only_some_names_are_ours_needs_an_end(internal: str, package: str) -> None:
    text = f'internal = ["{internal}"]\n[[exception]]\npackage = "{package}"\nrules = ["quarantined"]\nreason = "own"\n'
    with pytest.raises(BadPolicy, match="ends some day"):
        policy(text)
    policy(text.replace(f'package = "{package}"', f'package = "{internal}"'))


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_that_was_printed_and_saved_is_that_level(name: str) -> None:
    printed, itself = read_policy(level_text(name), now=NOW), level(name)
    assert [(one.name, one.action, one.unknown, one.always) for one in printed.rules] == [
        (one.name, one.action, one.unknown, one.always) for one in itself.rules
    ]
    assert (printed.limits, printed.default, printed.signals) == (itself.limits, itself.default, itself.signals)


@pytest.mark.parametrize("name", LEVELS)
def test_every_rule_of_a_level_says_what_unknown_means_and_why_it_is_there(name: str) -> None:
    for rule_text in level_text(name).split("[[rule]]")[1:]:
        assert re.search(r'^unknown = "', rule_text, re.MULTILINE), rule_text
        assert re.search(r'^reason = "', rule_text, re.MULTILINE), rule_text


def test_there_is_no_other_level() -> None:
    with pytest.raises(Rejected, match="did you mean 'strict'"):
        level("stirct")


def test_a_rule_of_the_same_name_replaces_the_levels_and_without_takes_one_out() -> None:
    text = 'without = ["similar name"]\n[[rule]]\nname = "cooldown"\nhide-if.age = "< 1d"\n'
    found = policy(text, level="balanced")
    young = known(age=ago(days=3), malware=False, similar_to="requests", project_age=ago(days=3), vulnerabilities=())
    assert decided(found, young).action == "allow"
    assert [one.name for one in found.rules] == [
        one.name for one in level("balanced").rules if one.name != "similar name"
    ]


def test_whoever_changes_a_rule_that_counts_always_keeps_that_unless_the_policy_says_otherwise() -> None:
    """Or a shorter wait would be none at all for what has been chosen, and nobody would see it."""
    chosen = '[[rule]]\nname = "chosen"\npackages = ["demo"]\naction = "allow"\n'
    wait = '[[rule]]\nname = "cooldown"\nhide-if.age = "< 3d"\n'
    new = known(
        age=ago(days=1), project_age=ago(days=900), added_file_age=None, quiet_before=9.0, malware=False, kind="wheel",
        internal_name=False, similar_to=None, vulnerabilities=(), yanked=False,
    )  # fmt: skip
    assert decided(policy(chosen + wait, level="curated"), new).rule == "cooldown"
    assert decided(policy(chosen + wait + "always = false\n", level="curated"), new).action == "allow"
    malware = '[[rule]]\nname = "known malware"\ndeny-if.malware = true\nreason = "no"\n'
    assert decided(policy(chosen + malware), known(malware=True)).action == "deny"


def test_the_keys_of_this_page_are_those_of_the_reader() -> None:
    page = Path(__file__).parents[3] / "docs" / "policy.md"
    if page.exists():
        for key in ("always", "without", "internal", "unknown", "hosted", "default"):
            assert f"`{key}" in page.read_text()
