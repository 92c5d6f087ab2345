"""`oncotwin trial`: strategies on virtual patients from another simulator."""
