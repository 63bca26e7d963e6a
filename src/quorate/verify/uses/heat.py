"""A stack: created, listed, shown and deleted; every engine up."""

from quorate.verify.uses import At, Wrong

NAME = "stack"
ABOUT = "a stack created, listed, shown and deleted, its engine up"
WAIT_S = 60
LENGTH = 8
TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "resources": {
        "value": {"type": "OS::Heat::RandomString", "properties": {"length": LENGTH}},
        "again": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["value", "value"]}}},
    },
    "outputs": {"said": {"value": {"get_attr": ["again", "value"]}}},
}


def use(at: At) -> str:
    """Two resources, one after the other, of the engine's own kinds."""
    orchestration = at.cloud.orchestration
    stack = orchestration.create_stack(name=at.name, template=TEMPLATE)
    at.remove(orchestration.delete_stack, stack.id, ignore_missing=True)
    orchestration.wait_for_status(stack, "CREATE_COMPLETE", ["CREATE_FAILED"], interval=0.5, wait=WAIT_S)
    if stack.id not in {each.id for each in orchestration.stacks(name=at.name)}:
        raise Wrong(f"stack {stack.id} was created and is not in the list")
    outputs = {each["output_key"]: each["output_value"] for each in orchestration.get_stack(stack.id).outputs}
    if len(outputs.get("said") or "") != LENGTH:
        raise Wrong(f"stack {stack.id} gives {outputs}")
    orchestration.delete_stack(stack.id)
    orchestration.wait_for_delete(stack, interval=0.5, wait=WAIT_S)
    return f"two resources made and deleted; it said {outputs['said']}"
