"""What forges tell of themselves: is it theirs, and what does it mean here."""
