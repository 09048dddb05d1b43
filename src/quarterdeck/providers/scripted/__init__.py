"""A provider without a model: fixed rules over the last message, for a first start, the tour and tests."""
