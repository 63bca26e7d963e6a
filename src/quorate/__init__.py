"""Quorate: a highly available OpenStack control plane from one file."""
