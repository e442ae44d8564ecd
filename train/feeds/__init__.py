"""How each public feed is read: cut into elements without loading it whole, and each element made into records."""
