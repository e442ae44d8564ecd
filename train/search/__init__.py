"""Search over fine-tuning plans on Ray Tune: each trial is a fine-tuning run, and the poor ones end early."""
