"""Truth -> training, validation and test splits; no picture is in two, nor a near-duplicate."""
