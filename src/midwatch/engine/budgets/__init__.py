"""Budgets that many attempts share."""
