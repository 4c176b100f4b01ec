"""Training steps of dense stacks in C++: the sources, and how they become a library on this machine."""
