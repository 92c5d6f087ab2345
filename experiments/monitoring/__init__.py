"""Monitoring as people run it, and how well it does on virtual courses."""
