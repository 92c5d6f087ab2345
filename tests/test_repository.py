"""The repository keeps its promises: no addresses, pinned hashes, one version everywhere."""

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import twin

LOCK_FILES = ("lock.txt", "dev.txt", "cuda.txt")

# Put together from pieces, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a package registry's address": "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("deb", "debian", "org"),
            ("conda", "anaconda", "org"),
        )
    ),
    "credentials in an address": r"\w://[^\s/@'\"{}<>]+:[^\s/@'\"{}<>]+@",
    "a path of one machine": r"(?<![\w.$}~-])/(?:"
    + "|".join(("ro" + "ot", "wo" + "rk", "ho" + "me", "Us" + "ers", "opt/" + "wheels"))
    + r")/\w",
    "a file address": "file:" + r"//+\w",
}


def tracked_files(repository: Path) -> list[Path]:
    """Files that git knows or would add, so that a new file is seen before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := repository / name).is_file()]


def requirements(text: str) -> dict[str, list[str]]:
    """Requirement lines ("name==version ; marker") of a lock file with the hashes of each."""
    joined = text.replace("\\\n", " ")
    rows = [line.split() for line in joined.splitlines() if line.strip()]
    return {
        " ".join(word for word in row if not word.startswith("--hash=")): [
            word.removeprefix("--hash=") for word in row if word.startswith("--hash=")
        ]
        for row in rows
    }


def pins(text: str) -> dict[str, str]:
    """Distribution name -> pinned version; a name that is pinned twice (by marker) fails."""
    found: dict[str, str] = {}
    for row in requirements(text):
        name, version = row.split(" ")[0].split("==")
        assert name not in found, f"{name} is pinned twice"
        found[name] = version
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, repository: Path) -> None:
    pattern = re.compile(FORBIDDEN[what])
    # Vendored files are another project's text, kept unchanged and checked by hash below.
    files = [path for path in tracked_files(repository) if path.parent.name != "vendor"]
    assert len(files) > 20
    found = [
        f"{path.relative_to(repository)}: {match.group()}"
        for path in files
        for match in pattern.finditer(path.read_bytes().decode("utf-8", errors="replace"))
    ]
    assert not found


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry's address", "index = https://py" + "pi.org/simple"),
        ("credentials in an address", "https" + "://user:" + "secret@example.com"),
        ("a path of one machine", "open('/wo" + "rk/main/x')"),
        ("a path of one machine", "# via -r /ho" + "me/jane/project.toml"),
        ("a file address", "file:" + "///srv/simple"),
    ],
)
def test_forbidden_text_would_be_found(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)


@pytest.mark.parametrize("text", ["runs/work/plan", "$ROOT/home/x", "a/root/b", "~/work/x"])
def test_relative_paths_are_no_machine_paths(text: str) -> None:
    assert not re.search(FORBIDDEN["a path of one machine"], text)


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_pins_and_hashes_every_requirement(name: str, repository: Path) -> None:
    rows = requirements((repository / "requirements" / name).read_text())
    assert len(rows) > 20
    for row, hashes in rows.items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[\w.+!]+( ; [\w '\".<>=!()]+)?", row), row
        assert hashes, f"{row} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), row


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_holds_no_address_option_or_path(name: str, repository: Path) -> None:
    text = (repository / "requirements" / name).read_text()
    assert not re.search(r"://|[/#@]|(?m:^\s*-(?!-hash=))", text)


@pytest.mark.parametrize("name", ["dev.txt", "cuda.txt"])
def test_larger_locks_keep_the_runtime_versions(name: str, repository: Path) -> None:
    folder = repository / "requirements"
    runtime = pins((folder / "lock.txt").read_text())
    assert runtime.items() <= pins((folder / name).read_text()).items()


def test_lock_holds_every_dependency_of_the_package(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    runtime = pins((repository / "requirements" / "lock.txt").read_text())
    tools = pins((repository / "requirements" / "dev.txt").read_text())
    groups = project["dependency-groups"]
    needed = project["project"]["dependencies"] + groups["build"]
    assert {re.split(r"[\[><=]", entry)[0] for entry in needed} <= runtime.keys()
    assert {re.split(r"[\[><=]", entry)[0] for entry in groups["dev"]} <= tools.keys()


def test_notice_has_version_license_and_hash_of_every_vendored_file(repository: Path) -> None:
    notice = (repository / "NOTICE").read_text()
    folder = repository / "experiments" / "report" / "vendor"
    entries = dict(
        re.findall(
            r"^file +(\S+)\npackage +\S+ [\d.]+\nlicense +.+\nsha256 +([0-9a-f]{64})$",
            notice,
            flags=re.MULTILINE,
        )
    )
    files = {path.name: path for path in folder.glob("*.js")}
    assert entries.keys() == files.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entries[name]
    for license_name in re.findall(r"\((\S+\.LICENSE\.txt)\)", notice):
        assert (folder / license_name).stat().st_size > 500


def test_vendored_javascript_can_be_inlined_in_a_script_element(repository: Path) -> None:
    for path in (repository / "experiments" / "report" / "vendor").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert "</script" not in text.lower()
        assert "<!--" not in text


def test_version_is_the_same_everywhere(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    changelog = (repository / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, flags=re.MULTILINE)
    assert project["version"] == citation["version"] == twin.__version__ == released[0]


def test_every_package_folder_has_an_init_file(repository: Path) -> None:
    # Without one, import-linter does not see the folder and its import rules pass unread.
    folders = {
        path.parent
        for path in tracked_files(repository)
        if path.suffix == ".py"
        and path.relative_to(repository).parts[0] in ("twin", "generative", "experiments")
    }
    missing = [folder for folder in folders if not (folder / "__init__.py").exists()]
    assert folders
    assert not missing


def test_license_is_apache_2(repository: Path) -> None:
    text = (repository / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert project["license"] == citation["license"] == "Apache-2.0"
