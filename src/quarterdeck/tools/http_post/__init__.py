"""An HTTP POST to one configured address: acts on the world, is not repeated, so its fate can be unknown."""
