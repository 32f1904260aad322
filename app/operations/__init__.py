"""What those who run the service look at: whether it lives, whether it is ready, and how it does."""
