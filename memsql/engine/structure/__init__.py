"""What a migration does to views, triggers, indexes and constraints: looking, comparing, judging."""
