"""The way of a message, driven in process over the real store: nothing is stood in for but what lies behind the ports."""
