"""The scan viewer: controls as HTML, volumes and color maps as JSON for the page's script."""

from dataclasses import asdict
from typing import Any

from experiments.report.markup import Markup, element, join, paragraph
from experiments.report.material import Material
from experiments.report.volumes import Volume
from twin.calibration.maps import map_names

MAPS: dict[str, list[list[int]]] = {
    # level 0..255, red, green, blue, opacity 0..255; after viridis, inferno and cividis
    "mean": [
        [0, 68, 1, 84, 0],
        [8, 67, 14, 91, 0],
        [48, 53, 80, 131, 255],
        [128, 33, 145, 140, 255],
        [192, 68, 191, 112, 255],
        [255, 253, 231, 37, 255],
    ],
    "sd": [
        [0, 20, 8, 40, 0],
        [8, 40, 11, 84, 0],
        [48, 87, 16, 110, 255],
        [128, 188, 55, 84, 255],
        [192, 243, 120, 25, 255],
        [255, 252, 255, 164, 255],
    ],
    "probability": [
        [0, 0, 34, 78, 0],
        [8, 0, 36, 84, 0],
        [48, 43, 63, 108, 255],
        [128, 124, 123, 120, 255],
        [192, 186, 174, 106, 255],
        [255, 254, 232, 56, 255],
    ],
}
MAPS |= dict.fromkeys(("growth_map", "kill_map"), MAPS["mean"])
MAPS |= dict.fromkeys(("growth_map_sd", "kill_map_sd"), MAPS["sd"])
OVERLAYS = {
    "none": "none",
    "mean": "forecast mean",
    "sd": "uncertainty (sd)",
    "probability": "probability of visible tumor",
    "growth_map": "growth map (factor)",
    "growth_map_sd": "growth map (sd)",
    "kill_map": "kill map (factor)",
    "kill_map_sd": "kill map (sd)",
}


def viewer_section(material: Material, volumes: list[Volume], factor: int) -> Markup:
    """Controls, canvas and caption of the scan viewer; a sentence instead when shareable."""
    if material.shareable:
        return paragraph(
            "Left out: a shareable report holds no voxel of this patient. The maps can be seen in "
            "the report made without --shareable."
        )
    bases = [volume for volume in volumes if volume.kind == "base"]
    masks = [volume for volume in volumes if volume.kind == "mask"]
    visits = list(dict.fromkeys(volume.visit for volume in volumes if volume.kind == "mean"))
    carried = {volume.kind for volume in volumes}
    kinds = [kind for kind in OVERLAYS if kind == "none" or kind in carried]
    chosen = visits[-1] if visits else ""
    outlined = [mask.key for mask in masks if mask.visit == chosen] or [m.key for m in masks]
    first = outlined[0] if outlined else "none"
    modes = {"both": "three planes and 3-D", "planes": "three planes", "render": "3-D only"}
    controls = [
        _radios("base", "Scan", {v.key: f"{v.label}, {v.visit}" for v in bases}, bases[0].key)
        if bases
        else "",
        _radios(
            "overlay", "Overlay", {k: OVERLAYS[k] for k in kinds}, kinds[min(1, len(kinds) - 1)]
        ),
        _radios("visit", "Forecast for", {visit: visit for visit in visits}, chosen),
        _radios(
            "outline",
            "Tumor outline",
            {"none": "none"} | {v.key: f"{v.label}, {v.visit}" for v in masks},
            first,
        ),
        _radios("mode", "View", modes, "both"),
        _slider("opacity", "Overlay opacity", 70),
        _slider("clip", "3-D: cut away from the front", 50),
    ]
    bars = element(
        "div",
        element("div", class_="colorbar", id="bar-base"),
        element("div", class_="colorbar", id="bar-overlay"),
        class_="colorbars",
    )
    stage = element(
        "div",
        element("canvas", id="scan-canvas", aria_label="Scan with tumor outline and forecast map"),
        element("div", id="scan-slices", hidden=True),
        class_="stage gl",
    )
    return join(
        [
            Markup('<div class="viewer">'),
            element("form", *controls, class_="controls", id="scan-controls", autocomplete="off"),
            element(
                "figure",
                stage,
                bars,
                element("p", id="scan-status", class_="small", aria_live="polite"),
                element("figcaption", _caption(material, factor)),
            ),
            Markup("</div>"),
        ]
    )


def viewer_data(volumes: list[Volume]) -> dict[str, Any]:
    """What the page's script needs: volumes by key and the color maps."""
    return {"volumes": [asdict(volume) for volume in volumes], "maps": MAPS}


def _caption(material: Material, factor: int) -> str:
    text = (
        "Click or drag to move through the planes; drag the 3-D view to turn it; scroll to step "
        "through slices. Radiological convention: the patient's right (R) is on the left of the "
        "picture; A and P mark front and back, S and I head and feet. The orange line is the tumor "
        "outline. Forecast mean and standard deviation are of the cell fraction that would be seen "
        "(1 = carrying capacity, killed cells not yet cleared included); the overlay fades out "
        "towards the low end of its scale."
    )
    if factor > 1:
        text += f" To keep this file small, {factor} × {factor} × {factor} voxels were averaged."
    if map_names(material.posterior.table):
        text += (
            " Maps of the model hold for all days and are shown where the tumor was outlined, as"
            " factors relative to their mean there."
        )
    if material.forecast is None:
        text += " There is no forecast yet: run “oncotwin forecast RUN”."
    return text


def _radios(name: str, title: str, options: dict[str, str], chosen: str) -> Markup:
    if not options:
        return Markup("")
    buttons = [
        element(
            "label",
            element("input", type="radio", name=name, value=value, checked=value == chosen),
            element("span", text),
        )
        for value, text in options.items()
    ]
    legend = element("legend", title)
    return element("fieldset", legend, element("div", *buttons, class_="options"))


def _slider(name: str, title: str, value: int) -> Markup:
    box = element("input", type="range", name=name, min=0, max=100, value=value, aria_label=title)
    return element("fieldset", element("legend", title), box)
