"""What awaits a person's look: the desk, what may be said there, and how far reviewers agree."""
