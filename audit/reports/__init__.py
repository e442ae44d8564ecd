"""Compliance reports: what the log says about a period, with the proof that it is the log."""
