"""Cinder's API, its policy loaded before the first request: of several that load it at once all but one fail."""

from cinder import policy
from cinder.wsgi.wsgi import initialize_application

application = initialize_application()
policy.init()
