"""A volume: created, listed, shown and deleted; every service of Cinder's alive; quotas told."""

from quorate.verify.uses import At, Wrong, all_up

NAME = "volume"
ABOUT = "a volume created, listed, shown and deleted, every service up, quotas told"
WAIT_S = 60


def use(at: At) -> str:
    """The smallest volume there is."""
    volumes = at.cloud.block_storage
    services = list(volumes.services())
    all_up(services)
    volume = volumes.create_volume(name=at.name, size=1)
    at.remove(volumes.delete_volume, volume.id, ignore_missing=True)
    volumes.wait_for_status(volume, "available", ["error"], interval=0.5, wait=WAIT_S)
    if volume.id not in {each.id for each in volumes.volumes(details=False, name=at.name)}:
        raise Wrong(f"volume {volume.id} was created and is not in the list")
    host = volumes.get_volume(volume.id).host
    volumes.delete_volume(volume.id)
    volumes.wait_for_delete(volume, interval=0.5, wait=WAIT_S)
    quota = volumes.get_quota_set(at.cloud.current_project_id)
    return f"made and deleted by {host}; {len(services)} services up; {quota.volumes} volumes are allowed"
