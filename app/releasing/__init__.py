"""Releases of the graph: measured before, deployed, measured again, kept or taken back, each step on record."""
