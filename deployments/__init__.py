"""Thin Ray Serve shells around Ray-free parts, and what it takes to run them."""
