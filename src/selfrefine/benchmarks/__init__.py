"""What the method and the library cost on this machine: `make bench`. Ratios within one run, never a second alone."""
