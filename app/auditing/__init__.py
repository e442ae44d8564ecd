"""What an auditor asks of the log: its state, its records, SQL, alerts, trends, lineage and reports. Never any text."""
