"""Portfolio: what is held and what it is worth, built from the order log alone."""
