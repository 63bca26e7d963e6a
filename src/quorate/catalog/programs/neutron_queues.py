"""Make the queues on which Neutron's workers are called, as oslo.messaging would for a worker on this node.

Reads the queues' names; argv: the service's configuration file.
"""

import os
import sys

import oslo_messaging
from oslo_config import cfg

oslo_messaging.set_transport_defaults("neutron")
cfg.CONF(["--config-file", sys.argv[1]])
transport = oslo_messaging.get_rpc_transport(cfg.CONF)
for name in sys.stdin.read().split():
    target = oslo_messaging.Target(topic=name, server=os.uname().nodename)
    worker = oslo_messaging.get_rpc_server(transport, target, [object()])
    worker.start()
    worker.stop()
    worker.wait()
transport.cleanup()
