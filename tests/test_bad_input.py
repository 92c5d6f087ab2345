"""Everything wrong that a patient folder can hold is refused with a message that helps."""

import contextlib
import gzip
import re
from collections.abc import Callable

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patients import GRID, Folder
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image, read_nifti, write_nifti
from twin.patient_folder import check_patient, load_patient, save_patient

Spoil = Callable[[Folder], object]


def set_(*path: str | int, value: object) -> Spoil:
    """Set one entry of patient.yaml."""

    def change(content) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return lambda folder: folder.change(change)


def drop(*path: str | int) -> Spoil:
    """Remove one entry of patient.yaml."""

    def change(content) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return lambda folder: folder.change(change)


def text(old: str, new: str) -> Spoil:
    return lambda folder: folder.replace(old, new)


def voxels(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Spoil:
    return lambda folder: folder.voxels(name, change)


def put(value: float) -> Callable[[np.ndarray], None]:
    """Put a value into one voxel, inside the tumor."""
    return lambda data: data.__setitem__((4, 4, 3), value)


def on_grid(name: str, grid: Grid) -> Spoil:
    """Store a file on another grid."""
    return lambda folder: write_nifti(
        Image(np.ones(grid.shape), grid, "CT", "HU"), folder.path / name
    )


def other_pixdim(folder: Folder) -> None:
    image = nibabel.load(folder.path / "v0/ct.nii.gz")
    header = image.header.copy()
    header.set_zooms((1.5, 2.0, 6.0))
    data = image.get_fdata(dtype=np.float32)
    spoiled = nibabel.Nifti1Image(data, None, header)
    spoiled.header.set_qform(None, code=0)
    spoiled.header["pixdim"][1:4] = (1.5, 2.0, 6.0)
    nibabel.save(spoiled, folder.path / "v0/ct.nii.gz")


def truncate(folder: Folder) -> None:
    path = folder.path / "v0/ct.nii.gz"
    path.write_bytes(path.read_bytes()[:-200])


def write(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder.path / name).write_bytes(content)


def header(offset: int, content: bytes) -> Spoil:
    """Overwrite a part of a file's header."""

    def change(folder: Folder) -> None:
        path = folder.path / "v0/ct.nii.gz"
        file = bytearray(gzip.decompress(path.read_bytes()))
        file[offset : offset + len(content)] = content
        path.write_bytes(gzip.compress(bytes(file)))

    return change


def link_out(folder: Folder) -> None:
    outside = folder.path.parent / "outside.nii.gz"
    (folder.path / "v0/ct.nii.gz").rename(outside)
    (folder.path / "v0/ct.nii.gz").symlink_to(outside)


def with_dates(*dates: str) -> Spoil:
    def change(content) -> None:
        content["treatments"] = {}
        for visit, date in zip(content["visits"], dates, strict=True):
            del visit["day"]
            visit["date"] = date

    return lambda folder: folder.change(change)


SHIFTED = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 0.5]] + [[0] * 4] * 3))
COARSE = Grid.from_spacing((4, 4, 4), 3.0)
VISIT = "patient.yaml: visits[0]"
FRACTION = ("treatments", "radiotherapy", 0)
DOSE = ("treatments", "drugs", 0)

BAD: dict[str, tuple[Spoil, str, tuple[str, ...]]] = {
    # name: (how to spoil the folder, where the message points to, what it says)
    "NaN voxels": (
        voxels("v0/ct.nii.gz", put(np.nan)),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("1 NaN and 0 Inf of 504 voxels", "index (4, 4, 3)", "Export the image again"),
    ),
    "Inf voxels": (
        voxels("v0/ct.nii.gz", put(-np.inf)),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("0 NaN and 1 Inf", "expected finite values"),
    ),
    "NaN in a mask": (
        voxels("v0/mask_gtv.nii.gz", put(np.nan)),
        f"{VISIT}.masks.gtv: .*mask_gtv.nii.gz",
        ("1 NaN",),
    ),
    "affine against pixdim": (
        other_pixdim,
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("affine 1.5 x 2 x 2.5 mm, pixdim 1.5 x 2 x 6 mm", 'say so with "spacing_from: affine"'),
    ),
    "an image on a shifted grid": (
        on_grid("v0/ct.nii.gz", SHIFTED),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("another grid", "origin -12, 8, 40 mm", "origin -11.5, 8, 40 mm", "Register and resample"),
    ),
    "a mask on a coarser grid": (
        on_grid("v0/mask_gtv.nii.gz", COARSE),
        f"{VISIT}.masks.gtv: .*mask_gtv.nii.gz",
        ("another grid", "9x8x7 voxels of 1.5 x 2 x 2.5", "4x4x4 voxels of 3 x 3 x 3"),
    ),
    "a tissue fraction on another grid": (
        on_grid("tissues/fat.nii.gz", COARSE),
        "patient.yaml: tissues.fat: .*fat.nii.gz",
        ("another grid",),
    ),
    "a tumor outside the tissue": (
        voxels("tissue.nii.gz", lambda data: data.__setitem__((slice(0, 4),), 0)),
        f"{VISIT}.masks.gtv: v0/mask_gtv.nii.gz",
        ("outside the tissue mask", "at most 5%", "got 33.3%", "Correct the outline"),
    ),
    "an empty mask": (
        voxels("v0/mask_gtv.nii.gz", np.zeros_like),
        f"{VISIT}.masks.gtv: .*mask_gtv.nii.gz",
        ("the mask is empty", "at least one voxel of 1", "leave this mask out"),
    ),
    "an empty tissue mask": (
        voxels("tissue.nii.gz", np.zeros_like),
        "patient.yaml: tissue: .*tissue.nii.gz",
        ("the mask is empty",),
    ),
    "a mask with three labels": (
        voxels("v0/mask_gtv.nii.gz", put(4.0)),
        f"{VISIT}.masks.gtv: .*mask_gtv.nii.gz",
        ("other labels than 0 and 1", "3 values: 0, 1, 4", "one file of zeros and ones"),
    ),
    "a mask of probabilities": (
        voxels("v0/mask_gtv.nii.gz", put(0.5)),
        f"{VISIT}.masks.gtv: .*mask_gtv.nii.gz",
        ("values: 0, 0.5, 1",),
    ),
    "ADC a thousand times too large": (
        voxels("v0/adc.nii.gz", lambda data: data * 1000),
        f"{VISIT}.images.ADC: v0/adc.nii.gz",
        ("median of 0.2 to 3.5 1e-3 mm2/s", 'look like unit "1e-6 mm2/s"'),
    ),
    "ADC in another unit than it says": (
        set_("visits", 0, "images", "ADC", "unit", value="mm2/s"),
        f"{VISIT}.images.ADC: v0/adc.nii.gz",
        ("implausible ADC", 'look like unit "1e-3 mm2/s"'),
    ),
    "a missing unit": (
        drop("visits", 0, "images", "ADC", "unit"),
        f"{VISIT}.images.ADC.unit",
        ('missing key "unit"', '"1e-3 mm2/s" or "mm2/s" or "1e-6 mm2/s"'),
    ),
    "an unknown unit": (
        set_("visits", 0, "images", "CT", "unit", value="Hounsfield"),
        f"{VISIT}.images.CT: v0/ct.nii.gz",
        ("unknown unit of CT", 'expected "HU", got "Hounsfield"'),
    ),
    "an unknown modality": (
        set_("visits", 0, "images", value={"FLAIRE": {"file": "v0/ct.nii.gz", "unit": "a.u."}}),
        f"{VISIT}.images.FLAIRE",
        ("unknown modality", "Did you mean FLAIR?"),
    ),
    "a negative fraction": (
        set_(*FRACTION, "dose_gy", value=-2.0),
        "patient.yaml: treatments.radiotherapy[0]",
        ("0 to 100 Gy", "got -2 Gy"),
    ),
    "a fraction of 200 Gy": (
        set_(*FRACTION, "dose_gy", value=200.0),
        "patient.yaml: treatments.radiotherapy[0]",
        ("0 to 100 Gy, got 200 Gy", "cGy"),
    ),
    "a fraction of NaN Gy": (
        text("dose_gy: 2.0", "dose_gy: .nan"),
        "patient.yaml: treatments.radiotherapy[0].dose_gy",
        ("a finite number", "got nan"),
    ),
    "no fraction at all": (
        set_(*FRACTION, "fractions", value=0),
        "patient.yaml: treatments.radiotherapy[0].fractions",
        ("greater than or equal to 1, got 0",),
    ),
    "a drug dose of zero": (
        set_(*DOSE, "dose_mg", value=0.0),
        "patient.yaml: treatments.drugs[0]",
        ("dose of a drug must be positive", "got 0 mg"),
    ),
    "a negative drug dose": (
        set_(*DOSE, "dose_mg", value=-50.0),
        "patient.yaml: treatments.drugs[0]",
        ("got -50 mg",),
    ),
    "an unknown drug": (
        set_(*DOSE, "drug", value="doxorubicine"),
        "patient.yaml: treatments.drugs[0]",
        ("doxorubicine", "doxorubicin", "temozolomide"),
    ),
    "a dose as text": (
        set_(*DOSE, "dose_mg", value="100 mg"),
        "patient.yaml: treatments.drugs[0].dose_mg",
        ("a valid number", "got '100 mg'"),
    ),
    "two visits at one time": (
        set_("visits", 1, "day", value=0),
        "patient.yaml: visits",
        ("diagnosis and restaging are at the same time", "both on day 0", "give their hours"),
    ),
    "two visits on one date": (
        with_dates("2026-01-05", "2026-01-05T12:00"),
        "patient.yaml: visits",
        ("same time",),
    ),
    "mixed time zones": (
        with_dates("2026-01-05T12:00+01:00", "2026-02-15T12:00"),
        "patient.yaml: visits[0] and patient.yaml: visits[1]",
        ("a time zone in every date, or in none", "got 2026-01-05T12:00:00+01:00 and 2026-02-15"),
    ),
    "day and date mixed": (
        lambda folder: folder.change(
            lambda c: (c["visits"][1].pop("day"), c["visits"][1].update(date="2026-02-15"))
        ),
        "patient.yaml: visits[0] and patient.yaml: visits[1]",
        ("day and date are mixed", "Use day everywhere, or date everywhere"),
    ),
    "a visit without a time": (
        drop("visits", 1, "day"),
        "patient.yaml: visits[1]",
        ("expected either day or date, got neither",),
    ),
    "a first visit that is not day 0": (
        lambda folder: folder.change(lambda c: c["visits"].pop(0)),
        "patient.yaml: visits[0]",
        ("expected day 0 for the first visit, got day 41.25",),
    ),
    "an impossible date": (
        with_dates("2026-01-05", "2026-02-30"),
        "patient.yaml: visits[1]",
        ("not a date", 'got "2026-02-30"'),
    ),
    "an unknown key": (
        text("body_surface_m2: 1.9", "body_surface: 1.9"),
        "patient.yaml: body_surface",
        ("unknown key", 'Did you mean "body_surface_m2"?', 'missing key "body_surface_m2"'),
    ),
    "an unknown key deep inside": (
        set_("visits", 0, "images", "CT", "untit", value="HU"),
        f"{VISIT}.images.CT.untit",
        ("expected one of file, unit", 'Did you mean "unit"?'),
    ),
    "an unknown site": (
        set_("site", value="gliomas"),
        "patient.yaml: site",
        ("'soft_tissue_sarcoma'", 'Did you mean "glioma"?'),
    ),
    "no patient.yaml": (
        lambda folder: folder.yaml.unlink(),
        "small",
        ("there is no patient.yaml", "patient-folder.md"),
    ),
    "invalid YAML": (
        text("visits:", "visits: ["),
        "patient.yaml",
        ("not valid YAML", "line", "Correct it at the line named"),
    ),
    "a duplicate key": (
        text("site: ", "id: twice\nsite: "),
        "patient.yaml",
        ("duplicate key 'id'", "line 3"),
    ),
    "a patient file that is a list": (
        write("patient.yaml", b"- one\n- two\n"),
        "patient.yaml",
        ("expected keys and values, got list",),
    ),
    "a patient file that is not text": (
        write("patient.yaml", b"\xff\xfe\x00\x01"),
        "patient.yaml",
        ("not valid YAML",),
    ),
    "a truncated file": (
        truncate,
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("truncated or damaged", "Copy or export it again"),
    ),
    "a damaged file": (
        lambda folder: (folder.path / "v0/ct.nii.gz").write_bytes(
            (folder.path / "v0/ct.nii.gz").read_bytes()[:60] + bytes(400)
        ),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("truncated or damaged",),
    ),
    "text named .nii.gz": (
        write("v0/ct.nii.gz", b"this is not an image"),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("not a NIfTI image", "starts with b'this is '", "dcm2niix"),
    ),
    "an empty file": (
        write("v0/ct.nii.gz", b""),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("not a NIfTI image",),
    ),
    "a missing file": (
        lambda folder: (folder.path / "v0/ct.nii.gz").unlink(),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("the file does not exist", "Correct the name"),
    ),
    "a loop of links": (
        lambda folder: (
            (folder.path / "v0/ct.nii.gz").unlink(),
            (folder.path / "v0/ct.nii.gz").symlink_to(folder.path / "v0/ct.nii.gz"),
        ),
        f"{VISIT}.images.CT",
        ("leaves the patient folder",),
    ),
    "a file name that no file can have": (
        set_("tissue", value="x" * 5000 + ".nii.gz"),
        "patient.yaml: tissue",
        ("the file does not exist",),
    ),
    "a header that nibabel would repair": (
        header(80, np.array([-1.5], "<f4").tobytes()),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("the NIfTI header is damaged", "pixdim[1,2,3] should be positive"),
    ),
    "an unknown orientation code": (
        header(254, b"\x4d\x00"),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("sform_code 77 not valid",),
    ),
    "more voxels than the file has": (
        header(42, np.array([32767] * 3, "<i2").tobytes()),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("truncated or damaged", "bytes"),
    ),
    "no voxels": (
        header(44, b"\x00\x00"),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("the image has no voxels", "shape (9, 0, 7)"),
    ),
    "voxels of a micrometer": (
        lambda folder: write_nifti(
            Image(np.ones(GRID.shape), Grid.from_spacing(GRID.shape, 1e-3), "CT", "HU"),
            folder.path / "v0/ct.nii.gz",
        ),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("implausible voxel size", "0.01 to 100 mm, got 0.001 x 0.001 x 0.001 mm"),
    ),
    "a number of five thousand digits": (
        text("dose_mg: 142.5", "dose_mg: " + "9" * 5000),
        "patient.yaml",
        ("4300 digits",),
    ),
    "a Python object in YAML": (
        text("id: small", "id: !!python/object/apply:os.getcwd []"),
        "patient.yaml",
        ("not valid YAML", "python/object"),
    ),
    "a folder instead of a file": (
        set_("tissue", value="v0"),
        "patient.yaml: tissue: .*v0",
        ("not a NIfTI image", "got a folder"),
    ),
    "a 4-D image": (
        voxels("v0/ct.nii.gz", lambda data: np.stack([data, data], axis=-1)),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("a 4-D image", "one 3-D volume", "shape (9, 8, 7, 2)"),
    ),
    "a 2-D image": (
        voxels("v0/ct.nii.gz", lambda data: data[..., 0]),
        f"{VISIT}.images.CT: .*ct.nii.gz",
        ("a 2-D image",),
    ),
    "a path out of the folder": (
        set_("tissue", value="../tissue.nii.gz"),
        "patient.yaml: tissue",
        ("leaves the patient folder", "got ../tissue.nii.gz", "Copy the file into the folder"),
    ),
    "an absolute path": (
        set_("visits", 0, "masks", "gtv", value="/etc/passwd"),
        f"{VISIT}.masks.gtv",
        ("leaves the patient folder", "got /etc/passwd"),
    ),
    "a link out of the folder": (
        link_out,
        f"{VISIT}.images.CT",
        ("leaves the patient folder",),
    ),
    "no visits": (
        set_("visits", value=[]),
        "patient.yaml: visits",
        ("at least 1 item", "got []"),
    ),
    "no mask in any visit": (
        lambda folder: folder.change(lambda c: [visit.pop("masks") for visit in c["visits"]]),
        "patient.yaml: visits",
        ("no visit has a mask", "Add masks"),
    ),
    "tissue fractions in percent": (
        voxels("tissues/fat.nii.gz", lambda data: data * 100),
        "patient.yaml: tissues.fat: tissues/fat.nii.gz",
        ("expected 0 to 1, got 0 to 25", "percent"),
    ),
    "a negative tissue fraction": (
        voxels("tissues/fat.nii.gz", put(-0.1)),
        "patient.yaml: tissues.fat: tissues/fat.nii.gz",
        ("got -0.1 to 0.25",),
    ),
    "tissue fractions above one": (
        voxels("tissues/fat.nii.gz", lambda data: data * 2),
        "patient.yaml: tissues",
        ("sum to more than 1", "expected at most 1, got 1.25"),
    ),
    "a body surface in dm2": (
        set_("body_surface_m2", value=190.0),
        "patient.yaml: body_surface_m2",
        ("less than or equal to 3.5, got 190",),
    ),
    "a body surface of nearly nothing": (
        set_("body_surface_m2", value=0.1),
        "patient.yaml: body_surface_m2",
        ("greater than or equal to 0.3, got 0.1",),
    ),
    "a sparing in percent": (
        set_("organs", 0, "sparing", value=50.0),
        "patient.yaml: organs[0]: organ skin strip",
        ("sparing is out of range", "0 to 1, got 50"),
    ),
    "a negative surgical margin": (
        set_("treatments", "surgery", 0, "margin_mm", value=-1.0),
        "patient.yaml: treatments.surgery[0]",
        ("0 to 100 mm, got -1 mm",),
    ),
    "a course on the wrong weekday": (
        set_(*FRACTION, value={"day": 5, "dose_gy": 2.0, "fractions": 5}),
        "patient.yaml: treatments.radiotherapy[0]",
        ("starts on a day without treatment", "got sat (day 0 counts as a Monday)"),
    ),
    "an unknown weekday": (
        set_(*FRACTION, "weekdays", value=["monday"]),
        "patient.yaml: treatments.radiotherapy[0].weekdays[0]",
        ("'mon'", "got 'monday'"),
    ),
    "another schema version": (
        text("oncotwin-patient/1", "oncotwin-patient/2"),
        "patient.yaml: schema",
        ("expected oncotwin-patient/1, got oncotwin-patient/2", "Convert the file"),
    ),
    "no schema version": (drop("schema"), "patient.yaml: schema", ('missing key "schema"',)),
    "two visits of one name": (
        set_("visits", 1, "name", value="diagnosis"),
        "patient.yaml: visits",
        ("two visits are named diagnosis", "a name of its own"),
    ),
    "a cell count as cell fraction": (
        set_("visits", 0, "images", value={"CELL_FRACTION": {"file": "v0/ct.nii.gz", "unit": 1}}),
        f"{VISIT}.images.CELL_FRACTION: v0/ct.nii.gz",
        ("implausible cell fraction", "carrying capacity"),
    ),
}


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path / "small")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_patient_is_refused_with_place_and_remedy(folder, name):
    spoil, where, said = BAD[name]
    assert not [finding for finding in check_patient(folder.path) if finding.level == "error"]
    spoil(folder)
    with pytest.raises(TwinError) as refused:
        load_patient(folder.path)
    pattern = re.escape(where).replace(r"\.\*", ".*")
    assert re.search(pattern, str(refused.value)), str(refused.value)

    errors = [str(finding) for finding in check_patient(folder.path) if finding.level == "error"]
    assert len(errors) == len(set(errors))
    for phrase in said:
        assert any(phrase in error for error in errors), (phrase, errors)


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(
        TwinError, match=r"nowhere: there is no such folder \(expected a folder with"
    ):
        load_patient(tmp_path / "nowhere")


def test_one_cause_is_one_error(folder):
    set_("visits", 1, "day", value=0)(folder)
    assert len([f for f in check_patient(folder.path) if f.level == "error"]) == 1


@given(place=st.integers(0, 351), value=st.sampled_from([0, 1, 77, 127, 255]))
def test_a_changed_byte_of_a_header_never_crashes(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("header") / "x.nii"
    write_nifti(Image(np.ones(GRID.shape), GRID, "CT", "HU"), path)
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)
    with contextlib.suppress(TwinError):
        image = read_nifti(path, modality="CT", unit="HU")
        assert np.isfinite(image.data).all() and min(image.grid.spacing_mm) > 0


@given(
    place=st.floats(0, 1),
    spoiled=st.sampled_from(["{", "]", ": ", "- ", "*a", "\x00", "!!x ", "1e999"]),
)
def test_a_changed_place_of_a_patient_file_never_crashes(tmp_path_factory, place, spoiled):
    folder = Folder(tmp_path_factory.mktemp("text") / "small")
    content = folder.yaml.read_text()
    cut = int(place * len(content))
    folder.yaml.write_text(content[:cut] + spoiled + content[cut:])
    levels = {finding.level for finding in check_patient(folder.path)}
    if "error" in levels:
        with pytest.raises(TwinError):
            load_patient(folder.path)
    else:
        assert load_patient(folder.path).visits


def test_a_full_disk_is_told(folder):
    patient = load_patient(folder.path)
    folder.yaml.unlink()
    folder.yaml.symlink_to("/dev/full")
    with pytest.raises(TwinError, match=r"patient.yaml.*cannot be written \(got No space left"):
        save_patient(patient, folder.path, overwrite=True)
