"""The run folder: what it keeps, what it refuses, and that a refusing disk loses nothing."""

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from experiments.atomic_files import disk_error, write_all
from experiments.runs import Run
from twin.errors import TwinError

PROCESS = Path(__file__).with_name("store_process.py")
ROOT = Path(__file__).parents[2]
INPUTS = {"patient.yaml": "aa", "v0/adc.nii.gz": "bb"}


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "run", INPUTS, {"visits": 2}, 7)


def names(run: Run) -> set[str]:
    return {path.name for path in run.folder.iterdir() if not path.name.startswith(".")}


def test_run_keeps_seed_configuration_inputs_versions_and_history(run):
    run.record("calibrate", {"command": "oncotwin calibrate demo", "iterations": np.int64(9)})
    run.record("forecast", {"days": np.arange(3.0)})
    again = Run.open(run.folder)
    assert (again.seed, again.configuration) == (7, {"visits": 2})
    assert again.description["inputs"] == INPUTS
    first, second = again.description["history"]
    assert (first["step"], first["iterations"]) == ("calibrate", 9)
    assert (second["step"], second["days"]) == ("forecast", [0.0, 1.0, 2.0])
    assert first["environment"]["versions"]["numpy"] == np.__version__
    assert first["environment"]["platform"].startswith(sys.platform)


def test_steps_recorded_at_the_same_time_are_all_kept(run):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda step: run.record(str(step), {}), range(12)))
    history = Run.open(run.folder).description["history"]
    assert sorted(int(entry["step"]) for entry in history) == list(range(12))


def test_run_names_neither_host_nor_user(run):
    text = (run.folder / "run.json").read_text()
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text


def test_arrays_come_back_with_names_types_order_and_attributes(run):
    arrays = {
        "z_mean": np.arange(3.0),
        "determined": np.array([True, False, True]),
        "names": np.array(["diffusivity", "größe", ""]),
        "visits/v1/mean": np.ones((2, 3, 4), np.float32),
        "empty": np.zeros((0, 3), np.int8),
        "scalar": np.float32(2.5),
    }
    run.save_arrays("posterior.h5", arrays, {"converged": True, "visits": ("v0", "v1")})
    read, attributes = run.load_arrays("posterior.h5")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
    assert attributes == {"converged": True, "visits": ["v0", "v1"]}


def test_saving_the_same_arrays_in_another_process_gives_the_same_bytes(run, tmp_path):
    code = (
        "import sys, numpy as np; from experiments.runs import Run\n"
        "Run.create(sys.argv[1], {}, {}, 0).save_arrays('posterior.h5', {'a': np.arange(9.0)"
        ".reshape(3, 3), 'b': np.array(['x', 'yz'])}, {'seed': 3})"
    )
    contents = []
    for name in ("one", "two"):
        folder = tmp_path / name
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        contents.append((folder / "posterior.h5").read_bytes())
    assert contents[0] == contents[1]


def test_nan_is_refused_with_its_field_and_the_file_before_it_stands(run):
    run.save_arrays("posterior.h5", {"z_mean": np.zeros(2)})
    before = run.path("posterior.h5").read_bytes()
    with pytest.raises(TwinError, match=r"posterior\.h5: field 'z_mean' holds NaN.*1 of 2 places"):
        run.save_arrays("posterior.h5", {"z_mean": np.array([0.0, np.nan])})
    assert run.path("posterior.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1.0, float("nan")]}, r"field 'a\[1\]' cannot be stored.*finite number.*nan"),
        ({"a": {"b": float("inf")}}, r"field 'a\.b' cannot be stored.*finite number.*inf"),
        ({"a": object()}, r"field 'a' cannot be stored.*got object"),
    ],
)
def test_json_refuses_what_it_cannot_hold_naming_the_field(run, value, message):
    with pytest.raises(TwinError, match=message):
        run.save_json("ranking.json", value)
    assert not run.has("ranking.json")


def test_array_of_objects_is_refused(run):
    with pytest.raises(TwinError, match="field 'plans' cannot be stored.*array of object"):
        run.save_arrays("posterior.h5", {"plans": np.array([{}, {}])})


def test_json_and_text_come_back(run):
    run.save_json("ranking.json", {"rows": ({"plan": "größe", "expected": np.float32(0.5)},)})
    run.save_text("report.html", "<p>größe</p>")
    assert run.load_json("ranking.json") == {"rows": [{"plan": "größe", "expected": 0.5}]}
    assert run.path("report.html").read_text("utf-8") == "<p>größe</p>"


def test_changed_missing_and_new_patient_files_are_named(run):
    run.check_inputs(dict(INPUTS))
    with pytest.raises(TwinError, match=r"have changed.*patient\.yaml \(changed\).*new run"):
        run.check_inputs(INPUTS | {"patient.yaml": "cc"})
    with pytest.raises(TwinError, match=r"v0/adc\.nii\.gz \(missing\), v1/adc\.nii\.gz \(new\)"):
        run.check_inputs({"patient.yaml": "aa", "v1/adc.nii.gz": "dd"})


@pytest.mark.parametrize("schema", ["oncotwin-run/2", "oncotwin-run/10", "other/1", 1, None])
def test_run_of_another_schema_is_refused(run, schema):
    path = run.folder / "run.json"
    path.write_text(json.dumps(run.description | {"schema": schema}))
    with pytest.raises(TwinError, match=r"another schema \(expected oncotwin-run/1, got"):
        Run.open(run.folder)


def test_run_of_a_later_minor_schema_opens(run):
    (run.folder / "run.json").write_text(
        json.dumps(run.description | {"schema": "oncotwin-run/1.3"})
    )
    assert Run.open(run.folder).seed == 7


def test_truncated_description_is_refused(run):
    path = run.folder / "run.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TwinError, match=r"run\.json: cannot be read as JSON; it is truncated"):
        Run.open(run.folder)


def test_description_without_its_fields_is_refused(run):
    (run.folder / "run.json").write_text('{"schema": "oncotwin-run/1", "seed": 1}')
    with pytest.raises(TwinError, match="fields are missing.*configuration, history, inputs"):
        Run.open(run.folder)


def test_folder_without_description_and_missing_folder_are_refused(tmp_path):
    with pytest.raises(TwinError, match=r"holds no run\.json, so it is no run.*oncotwin calibrate"):
        Run.open(tmp_path)
    with pytest.raises(TwinError, match="there is no such run folder"):
        Run.open(tmp_path / "nowhere")
    (tmp_path / "scan").write_text("")
    with pytest.raises(TwinError, match="is a file, not a folder"):
        Run.open(tmp_path / "scan")


def test_missing_and_truncated_results_say_which_step_to_run(run):
    with pytest.raises(TwinError, match=r"no posterior\.h5 yet\. Run `oncotwin calibrate` first"):
        run.load_arrays("posterior.h5")
    with pytest.raises(TwinError, match=r"no ranking\.json yet\. Run `oncotwin sweep` first"):
        run.load_json("ranking.json")
    path = run.save_arrays("posterior.h5", {"a": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(TwinError, match=r"posterior\.h5: cannot be read as a file of arrays"):
        run.load_arrays("posterior.h5")


def test_second_run_in_a_folder_is_refused_and_restart_discards_only_the_run(run):
    run.save_arrays("posterior.h5", {"a": np.zeros(2)})
    with run.store("identity") as store:
        store.write(0, {"a": np.zeros(2)}, {})
    (run.folder / "notes.txt").write_text("mine")
    with pytest.raises(TwinError, match="already holds a run.*--restart"):
        Run.create(run.folder, INPUTS, {}, 8)
    again = Run.create(run.folder, INPUTS, {}, 8, restart=True)
    assert again.seed == 8
    assert names(again) == {"run.json", "shards", "notes.txt"}
    assert not list((run.folder / "shards").iterdir())


def test_restart_while_a_sweep_runs_is_refused(run):
    with run.store("identity"), pytest.raises(TwinError, match="another process is sweeping"):
        Run.create(run.folder, INPUTS, {}, 8, restart=True)


def test_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    for restart in (False, True):
        with pytest.raises(TwinError, match=r"other files and is no run.*got thesis\.tex"):
            Run.create(tmp_path, INPUTS, {}, 1, restart=restart)


@pytest.mark.parametrize("name", ["../posterior.h5", "a/b.h5", ".run.lock", ""])
def test_names_outside_the_folder_are_refused(run, name):
    with pytest.raises(TwinError, match="not a plain file name"):
        run.save_json(name, {})


def test_leftovers_of_a_killed_writer_go_with_the_next_write(run):
    (run.folder / "posterior.h5.tmp").write_bytes(b"half")
    run.save_json("plans.json", [])
    assert names(run) == {"run.json", "plans.json"}


def refusal(mode: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(PROCESS), mode, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout


def test_file_that_outgrows_the_limit_leaves_the_old_one_and_no_leftover(run):
    run.save_arrays("posterior.h5", {"samples": np.zeros(3)})
    before = run.path("posterior.h5").read_bytes()
    message = refusal("limited", run.folder)
    assert "posterior.h5: the file grew past the largest size allowed here" in message
    assert run.path("posterior.h5").read_bytes() == before
    assert names(run) == {"run.json", "posterior.h5"}


def test_folder_without_write_permission_is_named(run):
    (run.folder / ".run.lock").chmod(0o444)
    run.folder.chmod(0o555)
    message = refusal("forbidden", run.folder)
    run.folder.chmod(0o755)
    assert "no permission. Choose a folder that you may use" in message
    assert names(run) == {"run.json"}


def test_full_device_raises_the_error_that_is_told_as_a_full_disk():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left") as caught:
        write_all(descriptor, b"a")
    os.close(descriptor)
    assert "posterior.h5: the disk is full. Free some" in str(
        disk_error(Path("posterior.h5"), caught.value)
    )


@pytest.mark.parametrize(
    ("call", "number", "message"),
    [
        ("fsync", errno.ENOSPC, "the disk is full"),
        ("fsync", errno.EDQUOT, "the disk quota is used up"),
        ("replace", errno.EIO, r"the disk refused \(.*\)\. Check the disk"),
        ("open", errno.EROFS, "the disk is read-only. Choose a folder that can be written"),
    ],
)
def test_disk_that_refuses_at_any_call_leaves_the_old_file_and_no_leftover(
    run, monkeypatch, call, number, message
):
    run.save_json("plans.json", [1])

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(TwinError, match=message) as caught:
            run.save_json("plans.json", [1, 2])
    assert str(run.path("plans.json")) in str(caught.value)
    assert run.load_json("plans.json") == [1]
    assert names(run) == {"run.json", "plans.json"}


def test_run_below_a_regular_file_is_refused(tmp_path):
    (tmp_path / "scan").write_text("")
    with pytest.raises(TwinError, match="is a file, not a folder"):
        Run.create(tmp_path / "scan" / "run", INPUTS, {}, 1)
    with pytest.raises(TwinError, match="a file stands where a folder is needed"):
        Run.create(tmp_path / "scan", INPUTS, {}, 1)


def test_importing_the_run_folder_does_not_import_jax():
    code = "import sys, experiments.runs; sys.exit('jax' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
