"""Breaking things on purpose while a client watches."""
