"""The red team: real attackers against the HTTP endpoint, each attempt a record. Only `on_ray` knows Ray."""
