"""What a migration could lose: looking, comparing, judging."""
