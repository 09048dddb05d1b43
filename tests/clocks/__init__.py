"""Wall clocks that jump while processes run, and machines whose clocks are apart. Tests of real processes."""
