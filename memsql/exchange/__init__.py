"""Files and ledgers of other migration tools: one reader and one writer, and a small declaration for each tool."""
