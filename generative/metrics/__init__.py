"""How alike two cohorts of scans are: fidelity, diversity, radiomics, utility for a prediction."""
