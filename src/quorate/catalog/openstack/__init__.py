"""What OpenStack's services have in common: processes under Pacemaker, ways to reach each other, migrations."""
