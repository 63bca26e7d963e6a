"""Placement: a resource provider created, listed and deleted."""

from quorate.verify.uses import At, Wrong

NAME = "placement"
ABOUT = "a resource provider created, listed and deleted"


def use(at: At) -> str:
    """A provider of nothing."""
    placement = at.cloud.placement
    provider = placement.create_resource_provider(name=at.name)
    at.remove(placement.delete_resource_provider, provider.id, ignore_missing=True)
    present = {each.id for each in placement.resource_providers()}
    if provider.id not in present:
        raise Wrong(f"resource provider {provider.id} was created and is not in the list")
    placement.delete_resource_provider(provider.id)
    return f"created and deleted beside {len(present) - 1} others"
