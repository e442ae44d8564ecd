"""What an answer rests on: the knowledge base is asked, its records are checked, fenced, cited and told."""
