r"""The node agent: compares and changes one host. Sent over the channel to `python3 -IS`, leaves nothing behind.

The standard library of Python >= 3.9 only, and of that only what Debian's python3-minimal has, except where an
item cannot exist without more (difflib and xml are imported where they are used).

In: frames `LENGTH\n` + zlib(JSON request); an empty frame says that the controller lives. Out: JSON lines.
When the controller goes away or falls silent, the command that runs is let finish, nothing further is begun, and
the agent ends: commands have guards that probe the real state, so a rerun goes on from there.
"""
