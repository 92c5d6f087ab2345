"""Adversarial fine-tuning: a discriminator finds what the moments of a cohort do not name."""
