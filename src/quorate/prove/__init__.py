"""What would Pacemaker do? Every situation of a class, put to its own scheduler, and what must hold in each."""
