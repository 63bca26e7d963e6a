"""The program that has dead engines' work taken up again, with Heat's own libraries and a database of its own."""

import json
from importlib.resources import files

from quorate.catalog import heat

HERE = """
[DEFAULT]
transport_url = fake://
engine_life_check_timeout = 1
[database]
connection = sqlite:////tmp/heat-resume.sqlite
"""
# A stack whose resource `after` needs `wait`, which an engine had in hand that is gone; prints who asks for what.
WATCH = """
import importlib.machinery, importlib.util, json, sys
loader = importlib.machinery.SourceFileLoader("resume", sys.argv[1])
resume = importlib.util.module_from_spec(importlib.util.spec_from_loader("resume", loader))
loader.exec_module(resume)

from heat.common import context
from heat.db import api, models
from heat.engine import sync_point
from heat.objects import user_creds

resume.cfg.CONF(["--config-file", sys.argv[2]], project="heat", prog="heat-resume")
resume.messaging.setup("fake://")
api.context_manager.writer.get_engine()
models.BASE.metadata.create_all(api.context_manager.writer.get_engine())
admin = context.get_admin_context()
owner = {"user_id": "someone", "project_id": "theirs", "trust_id": "trusted", "trustor_user_id": "someone"}
creds = user_creds.UserCreds.create(context.RequestContext(**owner))
template = api.raw_template_create(admin, {"template": {}, "files": {}})
values = {"name": "web", "raw_template_id": template.id, "action": "CREATE", "status": "IN_PROGRESS"}
values |= {"convergence": True, "current_traversal": "first", "user_creds_id": creds.id, "tenant": "theirs"}
values |= {"disable_rollback": True, "backup": False, "nested_depth": 0}
stack = api.stack_create(admin, values)
ids = {}
for name, engine in (("wait", "gone"), ("after", None)):
    values = {"name": name, "stack_id": stack.id, "root_stack_id": stack.id, "action": "CREATE", "atomic_key": 1}
    values |= {"status": "IN_PROGRESS", "engine_id": engine, "current_template_id": template.id}
    ids[name] = api.resource_create(admin, values).id
api.stack_update(admin, stack.id, {"current_deps": {"edges": [[[ids["after"], True], [ids["wait"], True]]]}})
for entity in (*ids.values(), stack.id):
    sync_point.create(admin, entity, "first", True, stack.id)

asked = []
def check_resource(self, ctxt, resource_id, traversal, data, is_update, adopted):
    asked.append([ctxt.trust_id, resource_id == ids["wait"], traversal, data, is_update, adopted])
resume.worker_client.WorkerClient.check_resource = check_resource
watch = resume.Watch()
for number in range(6):
    watch.look(number)
found = api.resource_get(admin, ids["wait"])
print(json.dumps({"asked": asked, "is": [found.engine_id, found.action, found.status, found.status_reason]}))
"""


def test_what_a_dead_engine_had_in_hand_is_asked_for_as_its_owner(full_tools) -> None:
    program = files("quorate.catalog").joinpath("programs", "heat_resume.py").read_text()
    here = full_tools.directory()
    conf = f"{here}/heat.conf"
    put = {heat.RESUME_PROGRAM: program, conf: HERE, f"{here}/watch.py": WATCH}
    done = full_tools.run("python3", f"{here}/watch.py", heat.RESUME_PROGRAM, conf, files=put)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["asked"] == [["trusted", True, "first", {"input_data": {}}, True, None]]
    assert said["is"] == [None, "CREATE", "FAILED", "Engine went down during resource CREATE"]
