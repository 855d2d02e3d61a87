"""Make proven copies of a database, each with a manifest beside it, and restore them."""
