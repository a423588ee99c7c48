"""What the tests share: fakes that obey the rules of the ports they stand for, a process harness. Has tests of its own."""
