"""The teaching set: families of question and answer pairs that are computed from the knowledge base, no model asked."""
