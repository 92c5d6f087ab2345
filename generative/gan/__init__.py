"""The conditional adversarial generator: image and mask of all scans of a patient from one latent."""
