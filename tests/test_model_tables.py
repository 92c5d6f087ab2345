"""The page of models and parameters is the one that the code makes."""

from pathlib import Path

from scripts.model_tables import page


def test_the_reference_of_models_is_what_the_code_says(repository: Path) -> None:
    """Make it anew with `python -m scripts.model_tables --write docs/reference/models.md`."""
    assert (repository / "docs" / "reference" / "models.md").read_text(encoding="utf-8") == page()
