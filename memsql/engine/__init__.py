"""The proof: run migrations, look at what they did, judge it, and commit it or roll it back."""
