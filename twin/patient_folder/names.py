"""The names that make a folder a patient folder, or the folder of one more scan."""

SCHEMA = "oncotwin-patient/1"
FILE = "patient.yaml"
SCAN_SCHEMA = "oncotwin-scan/1"
SCAN_FILE = "scan.yaml"
