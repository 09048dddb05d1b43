"""Loopback: a messenger over plain HTTP on this machine, for tests, benchmarks and trying a bridge of one's own."""
