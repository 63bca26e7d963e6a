"""Writers of syntax: they know files, not OpenStack."""
