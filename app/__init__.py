"""Preceptor's HTTP surface and the composition of the graph."""
