"""Designs by which a proof is judged: good ones, and those with one thing wrong.

A design is a whole `<cib>`: a proof works on anybody's. What is meant must be read from it, by these
conventions:

- A primitive outside a clone, also one in a group, is active/passive: it is to run, on one node, and never on
  two.
- A clone is active/active: it is to run on every node where its constraints allow it, members and remotes alike.
- A promotable clone is to have `promoted-max` promoted instances. Galera's agent counts as running only where it
  is promoted: all of its instances are to be.
- Everything is to run. What keeps it from that by hand (`target-role`, `is-managed`, `maintenance-mode`,
  `standby`, constraints called `cli-...`) was left behind.
- An `IPaddr2` is a virtual IP; no two of them have one address. Where the cluster has HAProxy (a type
  `haproxy`), every virtual IP outside a group belongs to it: the address is only where a proxy runs, starts
  after it, and stays through the proxy's restart in place. An address ordered after a promote belongs to the
  promoted instance.
- What a fault may restart besides what failed: what comes later in the same group, and on the same node what is
  both ordered (Mandatory) after it and colocated with it. What is ordered after a clone but not colocated with
  it is served over the network, where any instance will do.
- What is ordered after a `Filesystem`, or is in a group with one, lies on it: it never runs without it, also not
  for a moment.
- Quorum is the majority of the full members. A two-node cluster's tiebreaker (qdevice, sbd) is not in a CIB:
  unless something else says so there is none.
- A device fences what its `pcmk_host_list` and `pcmk_host_map` name, from any member but the target from which
  no constraint bans it; a node that has levels is fenced by their devices alone.
- An instance whose death no monitor of its role would see is dead when that hurts most.

Where the CIB says the very opposite of what was meant, the intent comes from elsewhere: resource id to `"one"`
(active/passive; of a promotable clone: one promoted) or `"all"`. For Quorate's own clouds the Design says it: a
component declares a Primitive or Group for `"one"` and a Clone for `"all"`, with its `promoted-max`. Of a
running cluster's CIB, which people change by hand, the Design stays the intent.
"""

from designs.broken import BROKEN
from designs.design import Broken, Good
from designs.good import GOOD, controllers, groups, replicated, two_levels, with_remotes

__all__ = ["BROKEN", "GOOD", "Broken", "Good", "controllers", "groups", "replicated", "two_levels", "with_remotes"]
