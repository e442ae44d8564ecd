"""What makes a tuned adapter the served model: its papers, its signature, its place and its records."""
