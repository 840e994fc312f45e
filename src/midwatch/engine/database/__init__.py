"""Where rows are kept: SQLite on one machine, PostgreSQL for many."""
