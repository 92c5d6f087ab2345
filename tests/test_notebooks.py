"""The notebooks run from start to end, show pictures and leave the repository as it was."""

import subprocess
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.py"))


def state(repository: Path) -> str:
    """What git sees as changed or new."""
    command = ["git", "status", "--porcelain", "--", "patients", "notebooks", "runs"]
    return subprocess.run(
        command, cwd=repository, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_pictures(
    path: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("ONCOTWIN_PLANS", "12")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    before = state(repository)
    notebook = jupytext.read(path)

    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    plotted = [cell for cell in cells if "plt.show()" in cell.source]
    assert len(pictures) == len(plotted) >= 6
    printed = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
    assert "Research use, not for clinical decisions" in printed
    errors = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not errors
    assert state(repository) == before


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
