"""A patient folder comes back as it was saved, and its check says what is there and what is not."""

import gzip
import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.patients import GRID, Folder, small_patient
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.patient import Patient, Visit
from twin.patient_folder import check_patient, load_patient, save_patient
from twin.treatments.chemotherapy import DRUGS
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

days = st.floats(-400, 400).map(lambda day: round(day, 6))
fractions = st.lists(st.tuples(days, st.floats(0.1, 30), st.integers(0, 2)), max_size=4)
doses = st.lists(st.tuples(days, st.sampled_from(sorted(DRUGS)), st.floats(0.1, 5000)), max_size=4)
surgeries = st.lists(st.tuples(days, st.floats(0, 50)), max_size=2)


def assert_same(one: Patient, other: Patient) -> None:
    """Every part of two patients is equal, provenance aside."""
    for name in ("id", "site", "treatments", "organs", "body_surface_m2", "simulated_note"):
        assert getattr(one, name) == getattr(other, name)
    assert one.grid.same_as(other.grid)
    np.testing.assert_array_equal(one.tissue, other.tissue)
    assert one.tissue.dtype == other.tissue.dtype == bool
    assert list(one.tissues) == list(other.tissues)
    for name, fraction in one.tissues.items():
        np.testing.assert_array_equal(fraction, other.tissues[name])
    assert len(one.visits) == len(other.visits)
    for a, b in zip(one.visits, other.visits, strict=True):
        assert (a.name, a.time_days, a.simulated) == (b.name, b.time_days, b.simulated)
        assert list(a.images) == list(b.images) and list(a.masks) == list(b.masks)
        for key, image in a.images.items():
            np.testing.assert_array_equal(image.data, b.images[key].data)
            assert image.unit == b.images[key].unit
            assert image.grid.same_as(b.images[key].grid)
        for label, mask in a.masks.items():
            np.testing.assert_array_equal(mask, b.masks[label])


def test_a_saved_patient_comes_back(tmp_path):
    save_patient(small_patient(), tmp_path)
    assert_same(load_patient(tmp_path), small_patient())


@given(fractions=fractions, doses=doses, surgeries=surgeries, second=st.floats(0.01, 400))
def test_any_schedule_comes_back(tmp_path_factory, fractions, doses, surgeries, second):
    treatments = Schedule(
        tuple(Fraction(*fraction) for fraction in fractions),
        tuple(DrugDose(*dose) for dose in doses),
        tuple(Surgery(*surgery) for surgery in surgeries),
    )
    patient = small_patient()
    visits = (patient.visits[0], replace(patient.visits[1], time_days=second))
    patient = replace(patient, treatments=treatments, visits=visits)
    folder = tmp_path_factory.mktemp("patient")
    save_patient(patient, folder)
    assert_same(load_patient(folder), patient)


@given(
    shape=st.sampled_from([(3, 3, 3), (5, 4, 3), (4, 6, 9)]),
    spacing=st.tuples(*[st.floats(0.3, 6.0)] * 3),
    seed=st.integers(0, 2**16),
)
def test_any_small_patient_comes_back(tmp_path_factory, shape, spacing, seed):
    random = np.random.default_rng(seed)
    grid = Grid.from_spacing(shape, spacing)
    tissue = np.ones(shape, bool)
    mask = random.random(shape) < 0.3
    mask[1, 1, 1] = True
    image = Image(random.normal(size=shape), grid, "T1", "a.u.")
    visit = Visit("v 1/2", 0.0, {"T1": image}, {"gtv": mask})
    patient = Patient("p", "glioma", grid, tissue, {}, (visit,), body_surface_m2=1.7)
    folder = tmp_path_factory.mktemp("patient")
    save_patient(patient, folder)
    assert_same(load_patient(folder), patient)


def test_two_saves_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_patient(small_patient(), tmp_path / name)
    one = {p.relative_to(tmp_path / "one"): p.read_bytes() for p in (tmp_path / "one").rglob("*.*")}
    two = {p.relative_to(tmp_path / "two"): p.read_bytes() for p in (tmp_path / "two").rglob("*.*")}
    assert one == two and len(one) == 9


def test_a_saved_patient_is_not_overwritten_by_accident(tmp_path):
    save_patient(small_patient(), tmp_path)
    with pytest.raises(TwinError, match="already holds a patient.*overwrite=True"):
        save_patient(small_patient(), tmp_path)
    save_patient(replace(small_patient(), id="new"), tmp_path, overwrite=True)
    assert load_patient(tmp_path).id == "new"


def test_rounded_images_are_smaller_and_within_half_a_step(tmp_path):
    patient = small_patient()
    save_patient(patient, tmp_path / "exact")
    save_patient(patient, tmp_path / "rounded", steps={"CT": 1.0})
    back = load_patient(tmp_path / "rounded").visits[0].images["CT"].data
    assert np.abs(back - patient.visits[0].images["CT"].data).max() <= 0.5
    sizes = [(tmp_path / d / "v0" / "ct.nii.gz").stat().st_size for d in ("exact", "rounded")]
    assert sizes[1] < 0.7 * sizes[0]


def test_a_full_disk_or_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TwinError, match="cannot be written.*Check free space and permissions"):
        save_patient(small_patient(), tmp_path / "file")


def test_provenance_holds_the_hash_of_every_file(tmp_path):
    folder = Folder(tmp_path)
    provenance = load_patient(tmp_path).provenance
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert provenance == {
        p.relative_to(tmp_path).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
    }
    assert folder.yaml in files


def test_provenance_keeps_which_spacing_was_believed(tmp_path):
    folder = Folder(tmp_path)
    for path in tmp_path.rglob("*.nii.gz"):
        content = bytearray(gzip.decompress(path.read_bytes()))
        content[80:92] = np.array([1.5, 2.0, 5.0], "<f4").tobytes()  # pixdim 1 to 3
        path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(TwinError, match="affine and pixdim give different voxel sizes"):
        load_patient(tmp_path)
    folder.change(lambda content: content.update(spacing_from="pixdim"))
    patient = load_patient(tmp_path)
    assert patient.grid.spacing_mm == pytest.approx([1.5, 2.0, 5.0])
    assert patient.provenance["spacing_from tissue.nii.gz"] == (
        "pixdim believed; affine 1.5 x 2 x 2.5 mm, pixdim 1.5 x 2 x 5 mm"
    )
    warnings = [f for f in check_patient(tmp_path) if f.level == "warning"]
    assert any("spacing_from tissue.nii.gz" in finding.where for finding in warnings)


def test_dates_and_days_give_the_same_patient(tmp_path):
    by_day = Folder(tmp_path / "day")
    by_date = Folder(tmp_path / "date")
    by_day.change(lambda c: c.update(treatments={"drugs": [dose("day", 4.25)]}))

    def use_dates(content):
        for visit, date in zip(content["visits"], ["2026-01-05", "2026-02-15T18:00"], strict=True):
            del visit["day"]
            visit["date"] = date
        content["treatments"] = {"drugs": [dose("date", "2026-01-09 18:00")]}

    by_date.change(use_dates)
    assert_same(load_patient(by_day.path), load_patient(by_date.path))


def dose(key: str, value: float | str) -> dict[str, object]:
    return {key: value, "drug": "doxorubicin", "dose_mg": 100.0}


def test_a_course_is_written_in_one_line(tmp_path):
    folder = Folder(tmp_path)
    course = {"day": 46, "dose_gy": 2.0, "fractions": 25, "weekdays": ["mon", "wed", "fri"]}
    folder.change(lambda c: c.update(treatments={"radiotherapy": [course]}))
    treatments = load_patient(tmp_path).treatments
    assert treatments.total_dose_gy == 50.0
    assert [f.time_days for f in treatments.fractions[:4]] == [46.0, 49.0, 51.0, 53.0]


def test_numbers_may_be_written_with_an_exponent(tmp_path):
    folder = Folder(tmp_path)
    folder.replace("body_surface_m2: 1.9", "body_surface_m2: 19e-1")
    assert load_patient(tmp_path).body_surface_m2 == 1.9


def test_treatments_before_the_first_visit_are_kept(tmp_path):
    Folder(tmp_path)
    assert load_patient(tmp_path).treatments.drug_doses[0].time_days == -3.0


def test_one_visit_loads_and_the_check_says_what_it_cannot_do(tmp_path):
    folder = Folder(tmp_path)
    folder.change(lambda content: content["visits"].pop())
    assert len(load_patient(tmp_path).visits) == 1
    warnings = [str(f) for f in check_patient(tmp_path) if f.level == "warning"]
    assert any("only one visit: growth cannot be calibrated" in warning for warning in warnings)


def test_a_mask_barely_outside_the_tissue_loads_with_a_warning(tmp_path):
    folder = Folder(tmp_path)
    folder.voxels("tissue.nii.gz", lambda data: data.__setitem__((3, 3, 2), 0))
    folder.change(lambda content: content["visits"].pop())
    assert load_patient(tmp_path).visits[0].masks["gtv"].sum() == 27
    assert any("3.70% outside the tissue" in f.message for f in check_patient(tmp_path))


def test_the_check_says_what_is_there(tmp_path):
    Folder(tmp_path)
    said = [str(finding) for finding in check_patient(tmp_path)]
    assert not [line for line in said if line.startswith("error")]
    volume = 27 * 1.5 * 2.0 * 2.5 / 1000
    for expected in (
        "grid: Grid(9x8x7 voxels of 1.5 x 2 x 2.5 mm",
        f"visit diagnosis: day 0; images: ADC [1e-3 mm2/s], CT [HU]; masks: gtv {volume:.4g} mL",
        "visit restaging: day 41.25 (simulated)",
        "5 fractions, 10 Gy in all, day 7 to 11; doxorubicin: 2 doses, 285 mg in all",
        "surgery on day 60 with a margin of 10 mm",
        "organ skin strip: alpha/beta 3 Gy, gets 50% of the tumor dose, limit 30 Gy EQD2",
        "simulated: the restaging visit",
    ):
        assert any(expected in line for line in said), expected


def test_the_check_says_what_is_missing(tmp_path):
    patient = small_patient()
    visit = replace(patient.visits[1], time_days=0.0, images={})
    tissue = np.ones(GRID.shape, bool)
    bare = Patient("bare", "generic", GRID, tissue, {}, (visit,))
    save_patient(bare, tmp_path)
    warnings = [f.message for f in check_patient(tmp_path) if f.level == "warning"]
    for expected in (
        "no ADC or CELL_FRACTION image",
        "none given: the response to treatment stays at its prior",
        "plans cannot be weighed against radiation toxicity",
        "the note that says so is missing",
        "reaches the edge of the grid",
    ):
        assert any(expected in message for message in warnings), expected


def test_the_check_lists_every_error_and_what_could_be_read(tmp_path):
    folder = Folder(tmp_path)
    folder.voxels("v0/ct.nii.gz", lambda data: data.__setitem__((0, 0, 0), np.nan))
    (tmp_path / "v1" / "adc.nii.gz").unlink()
    folder.replace("doxorubicin", "doxorubicine")
    folder.replace("sparing: 0.5", "sparing: 5.0")
    findings = check_patient(tmp_path)
    errors = [str(finding) for finding in findings if finding.level == "error"]
    assert len(errors) == 5  # two doses of the unknown drug
    assert any(f.where == "visit diagnosis" and "ADC" in f.message for f in findings)
    with pytest.raises(TwinError, match=r"4 more: .*organs\[0\].*visits\[1\].images.ADC"):
        load_patient(tmp_path)


def test_the_documented_example_is_valid(tmp_path, repository):
    text = (repository / "docs" / "reference" / "patient-folder.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    content = yaml.safe_load(example)
    Folder(tmp_path)
    files = [content["tissue"], *content["tissues"].values()]
    for visit in content["visits"]:
        files += [image["file"] for image in visit["images"].values()]
        files += list(visit["masks"].values())
    for name in files:
        source = "v0/adc" if "adc" in name else "v0/ct"
        source = "tissues/muscle" if name in content["tissues"].values() else source
        source = "v0/mask_gtv" if name in _masks(content) else source
        (tmp_path / "example" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / f"{source}.nii.gz", tmp_path / "example" / name)
    shutil.copy(tmp_path / "tissue.nii.gz", tmp_path / "example" / content["tissue"])
    fat = tmp_path / "example" / content["tissues"]["fat"]
    shutil.copy(tmp_path / "tissues" / "fat.nii.gz", fat)
    (tmp_path / "example" / "patient.yaml").write_text(example, encoding="utf-8")
    errors = [str(f) for f in check_patient(tmp_path / "example") if f.level == "error"]
    assert errors == []


def _masks(content) -> list[str]:
    return [name for visit in content["visits"] for name in visit["masks"].values()]
