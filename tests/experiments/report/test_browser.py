"""The page in a real browser at two window sizes: no request, no error, pictures that show.

Where no Chromium is installed, the same pages are checked as text instead.
"""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.report import write_report
from tests.experiments.report.cases import (
    PROVENANCE,
    make_forecast,
    make_outcomes,
    make_patient,
    make_posterior,
    make_ranking,
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SIZES = {"wide": (1400, 900), "narrow": (480, 900)}
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_GL = ["--disable-gpu", "--disable-3d-apis"]
SECTIONS = ("summary", "timeline", "scans", "burden", "parameters", "pareto", "plans", "provenance")
TAG = "<script>window.planted=1</script><img src=x onerror='window.planted=1'>"

pytestmark = pytest.mark.browser


@dataclass
class Seen:
    """What a page asked for and complained about."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def opened(
    path: Path, size: tuple[int, int], flags: list[str], viewer: bool = True
) -> Iterator[Seen]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--ignore-gpu-blocklist", *flags]
        )
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        seen = Seen(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and seen.complaints.append(message.text)
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-charts]", timeout=60_000)
        if viewer:
            page.wait_for_selector("body[data-viewer]", timeout=60_000)
        yield seen
        browser.close()


def spread(picture: bytes) -> float:
    """Standard deviation of a screenshot's gray values."""
    return float(np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float).std())


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[bool, Path]:
    patient = make_patient(identifier=f"demo {TAG}")
    outcomes = make_outcomes(f"RT {TAG}")
    folder = tmp_path_factory.mktemp("browser")
    return {
        share: write_report(
            patient,
            make_posterior(patient),
            outcomes,
            folder / f"{share}.html",
            forecast=make_forecast(patient),
            ranking=make_ranking(patient, outcomes),
            provenance=PROVENANCE,
            shareable=share,
        )
        for share in (False, True)
    }


def check_text(path: Path, share: bool) -> None:
    """What can be said of a page without a browser."""
    page = path.read_text(encoding="utf-8")
    assert all(f'<section id="{name}">' in page for name in SECTIONS)
    assert "<script>window.planted" not in page
    assert ("niivue" in page) is not share


def check_layout(page: Any, width: int) -> None:
    for name in SECTIONS:
        assert page.locator(f"#{name}").bounding_box()["height"] > 60, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.planted === undefined")


@pytest.mark.parametrize("size", SIZES)
def test_report_opens_offline_and_shows_everything(paths, size):
    if CHROMIUM is None:
        return check_text(paths[False], share=False)
    with opened(paths[False], SIZES[size], SOFTWARE_GL) as seen:
        page = seen.page
        check_layout(page, SIZES[size][0])
        assert page.get_attribute("body", "data-viewer") == "niivue"
        assert page.get_attribute("body", "data-charts") == "4"
        scan = page.locator("#scan-canvas")
        scan.scroll_into_view_if_needed()
        with_map = scan.screenshot()
        assert spread(with_map) > 15
        page.locator("#scan-controls label", has_text="none").first.click()
        page.wait_for_timeout(500)
        assert scan.screenshot() != with_map
        for chart in page.locator("[data-chart]").all():
            assert spread(chart.screenshot()) > 5
        assert seen.requests == [paths[False].as_uri()]
        assert seen.complaints == []


def test_three_dimensional_view_turns_on_and_off(paths):
    if CHROMIUM is None:
        return check_text(paths[False], share=False)
    with opened(paths[False], SIZES["wide"], SOFTWARE_GL) as seen:
        pictures = []
        for mode in ("three planes and 3-D", "3-D only"):
            seen.page.locator("#scan-controls label", has_text=mode).first.click()
            seen.page.wait_for_timeout(500)
            pictures.append(seen.page.locator("#scan-canvas").screenshot())
        assert pictures[0] != pictures[1]
        assert min(map(spread, pictures)) > 8
        assert seen.complaints == []


def test_without_webgl_plain_slices_are_drawn(paths):
    if CHROMIUM is None:
        return check_text(paths[False], share=False)
    with opened(paths[False], SIZES["narrow"], NO_GL) as seen:
        page = seen.page
        assert page.get_attribute("body", "data-viewer") == "canvas"
        assert "no WebGL2" in page.inner_text("#scan-status")
        slices = page.locator("#scan-slices canvas").all()
        assert len(slices) == 3
        for plane in slices:
            assert spread(plane.screenshot()) > 15
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["narrow"][0]
        assert seen.requests == [paths[False].as_uri()]


@pytest.mark.parametrize("size", SIZES)
def test_shareable_report_opens_without_scans(paths, size):
    if CHROMIUM is None:
        return check_text(paths[True], share=True)
    with opened(paths[True], SIZES[size], SOFTWARE_GL, viewer=False) as seen:
        check_layout(seen.page, SIZES[size][0])
        assert seen.page.locator("canvas").count() == 0
        assert seen.requests == [paths[True].as_uri()]
        assert seen.complaints == []
