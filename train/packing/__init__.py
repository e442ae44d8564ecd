"""What makes a pack of a knowledge base: its tables, its index, its vectors, its manifest."""
