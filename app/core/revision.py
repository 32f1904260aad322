"""The migration this release was written for; a house test keeps it equal to the newest in `migrations/`."""

HEAD = "0018"
