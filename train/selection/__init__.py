"""Choosing a base model by measurement: the same items put to every candidate, one table, one picture."""
