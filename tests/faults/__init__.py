"""The fault suite: each alert is made to fire by a real fault of a real gateway, and clears when the fault is gone."""
