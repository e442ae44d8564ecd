"""Preference tuning on both sides: refuse what harms, answer what only sounds so. TRL does the arithmetic."""
