"""Facts of this machine, so that measurements of two can be compared."""
