"""The command line: the only place that prints, and that knows exit codes.

0 yes, 1 no (a finding, a failed check), 2 usage or an unreadable file, 3 cannot tell, 130 interrupted.
"""
