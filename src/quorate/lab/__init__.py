"""A lab: the hosts of a quorate.yaml as containers on this machine, each with a BMC of its own."""
