"""Members of staff: their accounts, their roles, and who may give which."""
