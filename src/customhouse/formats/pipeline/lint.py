"""What is wrong with a pipeline that can be read: ways in that are left open, and what would never work.

Reading refuses what means nothing; here is found what means something unwise. The picture draws it in red.
"""

from __future__ import annotations

from customhouse.formats.pipeline.facts import Facts
from customhouse.formats.pipeline.finding import Finding
from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.rules.building import building_rules
from customhouse.formats.pipeline.rules.order import order_rules
from customhouse.formats.pipeline.rules.people import people_rules
from customhouse.formats.pipeline.rules.programs import program_rules
from customhouse.formats.pipeline.rules.risks import risk_rules

__all__ = ["Finding", "lint"]

_RULES = (order_rules, people_rules, building_rules, program_rules, risk_rules)


def lint(pipeline: Pipeline) -> list[Finding]:
    """Every finding: errors first, each kind in the order of the rules. Works before `resolve` and after it."""
    facts = Facts(pipeline)
    found = [one for rules in _RULES for one in rules(facts)]
    return sorted(found, key=lambda one: one.level != "error")
