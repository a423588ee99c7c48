"""The documents point at what there is: files, headings and tests."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TEST_NAME = re.compile(r"\btest_[a-z0-9_]{12,}\b(?!\.py)")  # shorter ones are the names of files


@cache
def anchors(document: Path) -> frozenset[str]:
    """The names that the document's headings have in a link: lower case, blanks as hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def all_tests() -> frozenset[str]:
    return frozenset(
        name
        for file in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))
    )


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def broken(document: Path, target: str) -> bool:
    if "://" in target or target.startswith("mailto:"):
        return False
    path, _, anchor = target.partition("#")
    file = document if not path else document.parent / path
    return not file.exists() or bool(anchor and file.suffix == ".md" and anchor not in anchors(file.resolve()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_document_links_to_what_is_there(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    assert [target for target in targets if broken(document, target)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_document_names_tests_that_exist(document: Path) -> None:
    names = TEST_NAME.findall(document.read_text(encoding="utf-8"))
    files = {file.stem for file in ROOT.glob("tests/**/test_*.py")}
    assert sorted(set(names) - all_tests() - files) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# A heading: with `words`\n[a](page.md#a-heading-with-words)\n", encoding="utf-8")
    assert not broken(document, "page.md#a-heading-with-words")
    assert not broken(document, "#a-heading-with-words")
    assert broken(document, "page.md#another")
    assert broken(document, "missing.md")
