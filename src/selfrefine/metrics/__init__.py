"""Numbers from arrays: features, distances, intervals, contrasts. Where arrays come from is not known here."""
