"""The checks of `python -m app.doctor --running`: a running deployment against the minimum secure set."""
