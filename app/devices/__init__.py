"""Devices: tablets at the desks, from their pairing code to their last heartbeat."""
