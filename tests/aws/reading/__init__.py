"""The parts of the reader."""
