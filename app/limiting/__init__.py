"""How often and how many at a time, and whose turn it is: bounds, where their counts are kept, and the fair queue."""
