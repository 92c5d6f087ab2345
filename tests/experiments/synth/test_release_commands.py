"""`oncotwin synth key` and `oncotwin synth verify`, as owner and receiver type them."""

import pytest

from experiments.cli import main
from generative.release import read_signing_key
from tests.generative.release.made import KEY, release


def test_a_release_is_verified_against_the_key_of_its_owner(tmp_path, capsys):
    path = tmp_path / "new" / "key"
    assert main(["synth", "key", str(path)]) == 0
    assert path.stat().st_mode & 0o077 == 0
    assert "keep it secret" in capsys.readouterr().out
    folder = release(tmp_path / "release", signing_key=read_signing_key(path))
    assert main(["synth", "verify", str(folder)]) == 0
    assert "you have to ask the owner" in capsys.readouterr().out
    assert main(["synth", "verify", str(folder), "--key", f"{path}.pub"]) == 0
    printed = capsys.readouterr().out
    assert "Signed by the key that you trust." in printed
    assert "Differentially private release: epsilon" in printed
    assert "not for clinical decisions" in printed


def test_a_changed_or_foreign_release_exits_with_2(tmp_path, capsys):
    main(["synth", "key", str(tmp_path / "key")])
    folder = release(tmp_path / "release", signing_key=KEY)
    assert main(["synth", "verify", str(folder), "--key", str(tmp_path / "key.pub")]) == 2
    assert "signed by another key" in capsys.readouterr().out
    (folder / "DATASHEET.md").write_text("changed")
    assert main(["synth", "verify", str(folder)]) == 2
    printed = capsys.readouterr().out
    assert "FAILED  checksums: DATASHEET.md" in printed and "not to be trusted" in printed
    assert main(["synth", "verify", str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize("name", ["key", "key.pub"])
def test_a_key_is_never_replaced(tmp_path, name, capsys):
    (tmp_path / name).write_text("before")
    assert main(["synth", "key", str(tmp_path / "key")]) == 2
    assert "a key is never replaced" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"


def test_what_is_no_key_is_said(tmp_path, capsys):
    (tmp_path / "key").write_text("nothing")
    assert main(["synth", "verify", str(tmp_path), "--key", str(tmp_path / "key")]) == 2
    assert "not a public key" in capsys.readouterr().err
    assert main(["synth", "verify", str(tmp_path), "--key", str(tmp_path / "none")]) == 2
    assert "cannot read the key" in capsys.readouterr().err
