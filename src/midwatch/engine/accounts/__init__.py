"""People and programs that use a server: accounts, tokens, sessions, repositories, roles, the audit log."""
