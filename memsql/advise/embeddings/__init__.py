"""Measures what embeddings cost in each form in which a database can keep and search them."""
