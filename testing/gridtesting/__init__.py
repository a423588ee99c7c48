"""Shared test code: fakes that obey the rules of their ports, a process harness. It has tests of its own."""
