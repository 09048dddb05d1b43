"""A message to a room: an effect that is rows of ours, committed with the tool's result, so never unknown."""
