"""Results as text and JSON. Everything here is a pure function from a result to what is shown."""
