"""The example resources are right, and their editors find the schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from herold.message.warnings import warnings
from herold.resources import KINDS
from herold.resources.catalogue import load

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "gitops" / "campaigns"
LOCALES = {"spring-sale": {"en", "de", "pl"}, "win-back": {"en", "de", "pl"}, "winter-evening": {"en"}}
FILES = sorted(EXAMPLES.rglob("*.yaml"))


def test_the_example_campaigns_validate() -> None:
    catalogue = load([EXAMPLES / "test"], shared_namespace="campaigns-shared")
    assert {each.metadata.name for each in catalogue.campaigns()} == LOCALES.keys()
    for campaign in catalogue.campaigns():
        resolved = catalogue.resolved(campaign)
        assert {content.locale for content in resolved.template.spec.contents} == LOCALES[campaign.metadata.name]
        for content in resolved.template.spec.contents:
            for part in filter(None, (content.text, content.mjml)):
                assert "{{ unsubscribe_url }}" in part
                assert "{{ sender.postal_address }}" in part


@pytest.mark.parametrize("name", LOCALES)
def test_the_example_messages_render_in_every_locale_without_a_warning(name: str) -> None:
    catalogue = load([EXAMPLES / "test"], shared_namespace="campaigns-shared")
    assert warnings(catalogue.resolved(catalogue.campaign(name))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_example_names_the_schema_of_its_kind_in_its_first_line(file: Path) -> None:
    text = file.read_text()
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert found
    schema = (file.parent / found[1]).resolve()
    assert schema.is_file()
    assert set(re.findall(r"^kind: (\w+)$", text, re.MULTILINE)) == {schema.stem}
    assert schema.stem in KINDS
