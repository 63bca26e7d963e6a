"""The queues that nobody consumes; answers [[WHAT, HOW TO REMOVE IT]].

Not those for answers and for all, which RabbitMQ drops by itself when they are not used for a while.
"""

import json
import subprocess

command = ["rabbitmqctl", "--silent", "list_queues", "name", "consumers", "--formatter", "json"]
said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
idle = sorted(queue["name"] for queue in json.loads(said) if not queue["consumers"])
left = [name for name in idle if not name.startswith("reply_") and not name.endswith("_fanout")]
print(json.dumps([[f"queue {name}, which nobody consumes", f"rabbitmqctl delete_queue {name}"] for name in left]))
