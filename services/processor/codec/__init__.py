"""Decoding and encoding, in processes of their own.

A codec process starts with little: what it runs imports Pillow, the standard library and this package only.
"""
