"""What an operator does from a shell beside running the service: a file for each noun, taken in by `cli`."""
