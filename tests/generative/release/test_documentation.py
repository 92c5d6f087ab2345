"""The page on sharing scans runs as it is printed: write, verify, load for JAX and PyTorch."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np

from generative.release import make_signing_key
from tests.generative.release.made import FREE, cohort
from tests.pages import blocks


def test_the_page_runs_as_it_is_printed(repository, tmp_path, monkeypatch):
    page = (repository / "docs" / "how-to" / "share-synthetic-scans.md").read_text()
    write, verify, batches, dataset = blocks(page, "python")
    monkeypatch.chdir(tmp_path)
    make_signing_key("owner.key")
    (tmp_path / "identifiers.txt").write_text("Jane Doepfner\n4711001\n")
    known = {"synthetic": cohort(4), "statement": FREE}
    exec(write, known)
    exec(verify, known)
    exec(batches, known)
    assert known["images"].shape == (2, 2, 4, 5, 6) and known["labels"].shape == (2,)
    # PyTorch is no dependency: what the page uses of it is a base class and a constructor.
    torch = ModuleType("torch")
    torch.utils = SimpleNamespace(data=SimpleNamespace(Dataset=object))
    torch.tensor = np.asarray
    monkeypatch.setitem(sys.modules, "torch", torch)
    exec(dataset, known)
    scans = known["Scans"]("release")
    image, label = scans[3]
    assert len(scans) == 8 and label == 0
    np.testing.assert_array_equal(image, cohort(4).images[1, 1])
