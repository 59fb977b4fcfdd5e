"""The flaw highlighter: its model, its data, its training, Grad-CAM."""
