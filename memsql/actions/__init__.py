"""What people ask of migrations: up and down, rehearse, verify, repair."""
