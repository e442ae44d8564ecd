"""A challenger of the guard beside the champion: the same texts, the same policy, and what may be said of the two."""
