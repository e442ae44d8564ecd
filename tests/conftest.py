"""What holds for every test."""

from hypothesis import settings

# A machine that stalls for a fifth of a second is no fault of the example that ran meanwhile.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
