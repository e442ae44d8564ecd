"""What the HTTP interface promises: its routes as one table, the shapes that come back, the OpenAPI document."""
