"""The engine on DBOS Transact."""
