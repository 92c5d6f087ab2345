"""The names that make a folder a patient folder."""

SCHEMA = "oncotwin-patient/1"
FILE = "patient.yaml"
