"""The conditional adversarial generator: image and mask of all scans from one latent."""
