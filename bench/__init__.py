"""Speed and memory, each figure as a ratio taken in one run; `make bench` prints the table."""
