"""A simulated population that follows a real one, whichever engine says how far it has come."""
