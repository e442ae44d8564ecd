"""Text in, verdicts out. Knows no Ray, no log, no clock, no socket."""
