"""Jobs: each is `python -m train.NAME`, alone or under `ray job submit`."""
