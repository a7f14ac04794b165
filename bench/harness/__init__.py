"""The parts of bench/run; bench/README.md explains the method."""
