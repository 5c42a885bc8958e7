"""A catalogue is read from files or texts, and found in by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from herold.errors import InvalidInput, NotFound
from herold.resources.catalogue import MAX_MISTAKES_PER_FILE, load, load_texts
from resources.worlds import CAMPAIGN, SEGMENT, SENDER, WORLD, mistakes, world


def written(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_folders_are_walked_and_files_are_read(tmp_path: Path) -> None:
    folder = written(tmp_path, {f"team/{name}": text for name, text in WORLD.items() if name != "sender.yaml"})
    sender = written(tmp_path, {"elsewhere/sender.yml": SENDER}) / "elsewhere" / "sender.yml"
    catalogue = load([folder / "team", sender], shared_namespace="shared")
    assert len(catalogue.resources) == len(WORLD)
    assert catalogue.place(("SenderProfile", "shared", "newsletter")) == (str(sender), 1)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = written(tmp_path, {**WORLD, ".git/a.yaml": "x", ".hidden.yaml": "x", "README.md": "x", "a.json": "x"})
    assert len(load([folder], shared_namespace="shared").resources) == len(WORLD)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    folder = written(tmp_path, WORLD)
    paths = [folder, folder / "campaign.yaml", folder / "." / "segment.yaml"]
    assert len(load(paths, shared_namespace="shared").resources) == len(WORLD)


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    folder = written(tmp_path, WORLD)
    (folder / "again").symlink_to(folder)
    assert len(load([folder], shared_namespace="shared").resources) == len(WORLD)


def test_a_path_that_does_not_exist_and_a_pipe_are_mistakes(tmp_path: Path) -> None:
    folder = written(tmp_path, WORLD)
    os.mkfifo(folder / "pipe.yaml")
    with pytest.raises(InvalidInput) as raised:
        load([folder, tmp_path / "nowhere"], shared_namespace="shared")
    assert [each.message for each in raised.value.mistakes] == ["does not exist", "is not a plain file"]


def test_mistakes_name_the_file_as_it_was_given(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {
            **WORLD,
            "a/b.yaml": "kind: no\n",
            "c.yaml": CAMPAIGN.replace("topic", "tropic").replace("{name: spring, n", "{name: autumn, n"),
        },
    )
    with pytest.raises(InvalidInput) as raised:
        load([folder], shared_namespace="shared")
    files = {each.file for each in raised.value.mistakes}
    assert files == {str(folder / "a" / "b.yaml"), str(folder / "c.yaml")}
    assert raised.value.exit_code == 3


def test_a_resource_that_is_declared_twice_names_both_places() -> None:
    (found,) = mistakes({"z.yaml": f"# the same again\n{SEGMENT}"})
    assert (found.file, found.line, found.path) == ("z.yaml", 4, "metadata.name")
    assert found.message == "Segment shop/buyers is declared twice, first in segment.yaml:1"


def test_one_name_in_two_namespaces_or_kinds_is_two_resources() -> None:
    assert mistakes({"z.yaml": SEGMENT.replace("namespace: shop", "namespace: shared")}) == []
    assert mistakes({"z.yaml": SEGMENT.replace("name: buyers", "name: spring")}) == []


def test_several_resources_may_stand_in_one_file() -> None:
    everything = "---\n".join(WORLD.values())
    catalogue = load_texts({"all.yaml": everything}, shared_namespace="shared")
    assert set(catalogue.resources) == set(world().resources)
    assert catalogue.place(("Campaign", "shop", "spring"))[1] == everything[: everything.index("kind: Campaign")].count(
        "\n"
    )


def test_a_campaign_is_found_by_its_name_or_its_full_name() -> None:
    catalogue = world()
    assert catalogue.campaign("spring") is catalogue.campaign("shop/spring")
    assert catalogue.campaigns() == (catalogue.campaign("spring"),)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sprnig", "did you mean spring?"),
        ("shop/sprnig", "did you mean shop/spring?"),
        ("other/spring", "did you mean shop/spring?"),
        ("winter-boots", "there are 1 campaigns"),
        ("", "there are 1 campaigns"),
    ],
)
def test_a_campaign_that_does_not_exist_says_which_was_meant(name: str, words: str) -> None:
    with pytest.raises(NotFound, match=f"there is no campaign {name}") as raised:
        world().campaign(name)
    assert words in (raised.value.hint or "")


def test_a_name_in_two_namespaces_has_to_be_written_in_full() -> None:
    texts = {
        name: text.replace("namespace: shop", "namespace: outlet")
        for name, text in WORLD.items()
        if name in ("campaign.yaml", "segment.yaml", "template.yaml")
    }
    catalogue = world({f"outlet-{name}": text for name, text in texts.items()})
    with pytest.raises(NotFound, match="spring may be outlet/spring and shop/spring"):
        catalogue.campaign("spring")
    assert catalogue.campaign("outlet/spring").metadata.namespace == "outlet"


def test_a_resolved_campaign_has_every_segment_that_is_reachable_and_no_other() -> None:
    head, _, _ = SEGMENT.partition("        - order")
    texts = {
        "a.yaml": head.replace("buyers", "a") + "        - segmentRef: {name: b}\n          negate: true\n",
        "b.yaml": head.replace("buyers", "b") + "        - segmentRef: {name: buyers}\n",
        "c.yaml": head.replace("buyers", "c") + "        - segmentRef: {name: buyers}\n",
        "campaign.yaml": CAMPAIGN.replace("{name: buyers}", "{name: buyers}").replace(
            "    max", "    excludeRefs: [{name: a}]\n    max"
        ),
    }
    catalogue = world(texts)
    resolved = catalogue.resolved(catalogue.campaign("spring"))
    assert [each.metadata.name for each in resolved.segments] == ["a", "b", "buyers"]
    assert resolved.sender.metadata.name == "newsletter"
    assert resolved.schema.metadata.name == "customers"
    assert resolved.template.metadata.name == "spring"
    assert resolved.shared_namespace == "shared"


def test_a_later_layer_can_name_a_mistake_at_a_path_of_a_resource() -> None:
    key = ("MessageTemplate", "shop", "spring")
    mistake = world().mistake(key, ("spec", "contents", 0, "subject"), "is dull", "write a better one")
    assert str(mistake) == "template.yaml:11:16: spec.contents[0].subject: is dull\n    fix: write a better one"
    assert world().mistake(key, ("spec", "contents", 0, "mjml"), "is missing").line == 10


def test_a_file_of_nothing_but_mistakes_says_how_many_more_there_are() -> None:
    found = mistakes({"z.yaml": "a: 1\n" * 100_000})
    assert len(found) == MAX_MISTAKES_PER_FILE + 1
    assert any(each.message == "99001 more mistakes follow in this file" for each in found)
    assert max(each.line for each in found) <= MAX_MISTAKES_PER_FILE + 1
