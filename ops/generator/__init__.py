"""Endless input of a made-up business, for a deployment to be looked at: seeded, as fast as is asked for."""
