"""Show results as text, JSON, Markdown and other formats; every function takes a result and only returns."""
