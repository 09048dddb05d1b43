"""The current time: reads only, so a lost run is simply run again."""
