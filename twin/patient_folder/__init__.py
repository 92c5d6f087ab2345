"""The patient folder: `patient.yaml` and NIfTI files, read, written and checked."""

from twin.patient_folder.folder import check_patient, load_patient, save_patient
from twin.patient_folder.scan import Scan, load_scan
from twin.patient_folder.summary import Finding

__all__ = ["Finding", "Scan", "check_patient", "load_patient", "load_scan", "save_patient"]
