"""Time stepping: the fast splitting solver, and the adaptive reference it is checked against."""
