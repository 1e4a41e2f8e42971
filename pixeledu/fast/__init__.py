"""Kernels: code that is not the equation, where the equation alone would be slow."""
