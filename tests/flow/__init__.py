"""The way of a message, driven in process over the real store; stood in for is only what lies behind the ports."""
