"""Who is asking: the issuers whose word counts, how their keys are had, and how people sign in there."""
