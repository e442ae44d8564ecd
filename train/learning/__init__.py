"""What decisions teach: rows for the guard, preferences, gaps in the lessons, and the regression set; from the log."""
