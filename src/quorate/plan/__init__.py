"""What a deployment consists of: tasks, each one node's step, in a graph derived from the design."""
