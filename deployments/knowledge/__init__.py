"""The knowledge base at answer time: a read-only pack, exact look-up, walks, search, answers that cite. Free of Ray."""
