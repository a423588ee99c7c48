"""Rendering for the command line: the live view, plain lines, tables and reports."""
