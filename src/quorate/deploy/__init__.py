"""Carrying a plan out: its graph of tasks, all nodes at once, over one session a node."""
