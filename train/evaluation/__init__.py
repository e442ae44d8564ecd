"""Quality and safety of a tuned model before and after, on the same items, with intervals and a gate."""
