"""Accounts: administrators and partner systems, their scopes and their reach."""
