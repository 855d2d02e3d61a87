"""Run memsql in production: the gate before a protected database, maintenance windows, drills, health, metrics,
statistics."""
