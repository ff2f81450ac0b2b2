"""`lienthong demo`: a whole province on one machine, with simulated systems that sign for real."""
