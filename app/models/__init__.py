"""Tables: columns, constraints and relationships, one family a file. Everything above speaks of these."""
