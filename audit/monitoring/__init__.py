"""The compliance monitor's parts: what is an alert, where it goes, and who looks for it."""
