"""The loop, the log as it sees it, and what the model is shown. No SQL, HTTP, subprocess or globals."""
