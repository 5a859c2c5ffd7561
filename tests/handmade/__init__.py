"""Gradients written by hand: eight problems in five styles. tests/mutants.py breaks them."""
