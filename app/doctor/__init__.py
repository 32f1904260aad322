"""The doctor: looks at settings, machine, database and backups, and says what to do about each fault."""
