"""Updates of weights: trainer, loop, autoencoder, classifier. What a map is made of is not known here."""
