"""What the pages of the documentation hold: links, code blocks, command lines."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest
from cyclopts import MissingArgumentError

from experiments.cli import app


def pages(repository: Path) -> list[Path]:
    """README, CHANGELOG, CONTRIBUTING and everything in docs."""
    top = [repository / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [*top, *sorted((repository / "docs").rglob("*.md"))]


def relative_links(text: str) -> list[str]:
    """Targets of links and images that are not addresses, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", _without_code(text))
    return [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]


def blocks(text: str, language: str) -> list[str]:
    """Fenced code blocks of a language."""
    fence = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.findall(fence, text, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def command_lines(text: str) -> list[tuple[list[str], bool]]:
    """(words after `oncotwin`, whether it stands on a line of its own) of every command line."""
    prompt = r"^(?: {4}|\t)?\$? ?oncotwin ([^\n]+)$"
    alone = re.findall(prompt, text, flags=re.MULTILINE)
    inline = re.findall(r"`oncotwin ([^`\n]+)`", text)
    found = [(shlex.split(line, comments=True), True) for line in alone]
    return found + [(shlex.split(line), False) for line in inline]


def check_command(words: list[str], complete: bool) -> None:
    """Fail unless the command line exists; where not `complete`, arguments may be missing."""
    if words == ["COMMAND", "--help"]:
        return
    if words[0].startswith("-"):
        assert words[0] in ("--help", "--version"), words
        return
    try:
        app.parse_args(words, print_error=False, exit_on_error=False)
    except MissingArgumentError:
        if complete:
            pytest.fail(f"arguments are missing: oncotwin {' '.join(words)}")
    except Exception as error:
        pytest.fail(f"oncotwin {' '.join(words)}: {error}")


def _without_code(text: str) -> str:
    fenceless = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", fenceless)
