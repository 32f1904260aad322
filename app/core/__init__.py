"""Ground floor: settings, database, errors, time and tokens. Knows nothing of citizens or surveys."""
