"""Engines: from token ids to pieces of text, on one base model and adapters beside each other. Free of Ray."""
