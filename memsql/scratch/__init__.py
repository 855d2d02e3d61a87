"""Made-up rows and throw-away databases to try migrations on."""
