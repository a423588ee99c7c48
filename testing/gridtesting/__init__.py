"""What the tests share: fakes that obey the rules of their ports, a process harness. Has tests of its own."""
