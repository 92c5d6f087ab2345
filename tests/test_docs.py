"""Links of the documentation lead somewhere, its command lines exist, its example model runs."""

from pathlib import Path

import numpy as np

from tests.pages import blocks, check_command, command_lines, pages, relative_links


def test_every_relative_link_resolves(repository: Path) -> None:
    count, broken = 0, []
    for page in pages(repository):
        for target in relative_links(page.read_text()):
            count += 1
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(repository)}: {target}")
    assert count > 20
    assert not broken


def test_every_page_can_be_reached_from_the_index(repository: Path) -> None:
    index = repository / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in relative_links(index.read_text())}
    missing = set((repository / "docs").rglob("*.md")) - linked - {index}
    assert not missing


def test_every_command_line_of_the_documentation_exists(repository: Path) -> None:
    lines = [line for page in pages(repository) for line in command_lines(page.read_text())]
    assert len(lines) > 10
    for words, complete in lines:
        check_command(words, complete)


def test_link_in_a_code_block_is_no_link() -> None:
    text = "[a](b.md#part) `[c](d)`\n```\n[e](f)\n```\n[g](https://example.com)\n"
    assert relative_links(text) == ["b.md"]


def test_model_of_the_how_to_page_spreads_slower_where_it_says_so(repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "add-a-model.md").read_text()
    names: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, "add-a-model.md", "exec"), names)
    course = names["course"]
    assert course.status == 0
    late = course.viable[-1]
    x, y, z = np.array(late.shape) // 2
    assert late[x, y, z + 4] > 1.2 * late[x + 4, y, z]
