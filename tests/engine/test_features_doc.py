from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.features.families.registry import FAMILIES, closing_columns, columns

if TYPE_CHECKING:
    from types import ModuleType

DOC = (Path(__file__).parents[2] / "docs" / "features.md").read_text(encoding="utf-8")
HEAD = "| column | unit | window | of | null | reversible | error |\n|---|---|---|---|---|---|---|\n"


def name_of(family: ModuleType) -> str:
    return family.__name__.rpartition(".")[2]


def table(family: ModuleType) -> str:
    """The table that `docs/features.md` must have under the family's heading."""
    return HEAD + "".join(
        f"| `{c.name}` | {c.unit} | {c.window} | {c.of} | {c.null or 'never'} "
        f"| {'yes' if c.reversible else 'no'} | {c.error or 'exact'} |\n"
        for c in family.COLUMNS
    )


def sections() -> dict[str, str]:
    """The page's sections by heading."""
    pieces = re.split(r"^## (.+)\n", DOC, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_a_family_s_table_is_its_declarations(family: ModuleType) -> None:
    found = "".join(re.findall(r"^\|.*\n", sections()[name_of(family)], re.MULTILINE))
    assert found == table(family), f"paste this under ## {name_of(family)}:\n\n{table(family)}"


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_a_family_s_section_begins_with_its_docstring(family: ModuleType) -> None:
    assert sections()[name_of(family)].partition("\n|")[0].split() == (family.__doc__ or "").split()


def test_the_page_has_the_rules_and_the_families_in_order_and_nothing_else() -> None:
    assert list(sections()) == ["Rules", "Every row", "The row of a day's closing", *map(name_of, FAMILIES)]
    assert "|" not in sections()["Rules"]


def test_the_page_lists_the_columns_of_a_day_s_closing() -> None:
    listed = " ".join(f"`{each.name}`" for each in closing_columns())
    found = sections()["The row of a day's closing"].rpartition("\n\n`")[2]
    assert " ".join(("`" + found).split()) == listed, f"paste this under the heading, wrapped:\n\n{listed}"


def test_every_column_stands_once_on_the_page_s_tables() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE)
    assert listed == [column.name for column in columns()]


def test_every_column_the_rules_name_exists() -> None:
    names = {column.name for column in columns()}
    rules = set(re.findall(r"`(\w+_(?:\w+_)?(?:\d+\w|e7|h|share|expected|used|basis))`", sections()["Rules"]))
    assert rules
    assert rules <= names
