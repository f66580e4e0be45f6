"""Every kind of trusted publisher that there is."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.trust.issuers import Kind
from customhouse.trust.providers.activestate import ActiveState
from customhouse.trust.providers.custom import Custom
from customhouse.trust.providers.github import GitHub
from customhouse.trust.providers.gitlab import GitLab
from customhouse.trust.providers.google import Google
from customhouse.trust.providers.provider import Provider

PROVIDERS: Mapping[Kind, Provider] = {
    "github": GitHub(),
    "gitlab": GitLab(),
    "google": Google(),
    "activestate": ActiveState(),
    "custom": Custom(),
}
