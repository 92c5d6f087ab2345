"""The page on treatments says what the code does."""

from scripts.treatment_tables import TABLES, filled
from tests.pages import blocks
from twin.treatments import chemotherapy
from twin.treatments.chemotherapy import DRUGS


def test_tables_of_the_page_are_those_that_the_script_makes(repository):
    page = (repository / "docs" / "explanation" / "treatments.md").read_text(encoding="utf-8")
    assert filled(page) == page, "run: python -m scripts.treatment_tables --write <the page>"
    assert all(len(make().splitlines()) > 5 for make in TABLES.values())


def test_the_drug_of_the_page_becomes_known(repository, monkeypatch):
    monkeypatch.setattr(chemotherapy, "DRUGS", known := dict(DRUGS))
    page = (repository / "docs" / "explanation" / "treatments.md").read_text(encoding="utf-8")
    (code,) = blocks(page, "python")
    exec(code, {})
    assert set(known) - set(DRUGS) == {"tm-001"}
