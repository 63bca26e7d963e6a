"""Reaching hosts: a transport carries the node agent to each, a session speaks with it."""
