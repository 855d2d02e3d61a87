"""Writing a migration from a wanted schema: files, derivation, proof by round trip."""
