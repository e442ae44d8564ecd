"""The web page: its sources, and what builds them into `dist`, which app.pages serves."""
