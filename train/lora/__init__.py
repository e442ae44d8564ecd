"""Low-rank fine-tuning of a language model on conversations. Knows no Ray: runs alone, or under torch.distributed."""
