"""Scenarios: plans, what they lead to, what they cost, and how they rank."""
