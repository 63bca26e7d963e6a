"""An image: created, uploaded, listed, shown, downloaded and deleted."""

import secrets

from quorate.verify.uses import At, Wrong

NAME = "image"
ABOUT = "an image uploaded, listed, shown, downloaded and deleted"
SIZE = 256 * 1024


def use(at: At) -> str:
    """Random bytes go in and come out."""
    images, data = at.cloud.image, secrets.token_bytes(SIZE)
    image = images.create_image(
        at.name, data=data, container_format="bare", disk_format="raw", validate_checksum=True
    )
    at.remove(images.delete_image, image.id, ignore_missing=True)
    if image.id not in {each.id for each in images.images(name=at.name)}:
        raise Wrong(f"image {image.id} was created and is not in the list")
    shown = images.get_image(image.id)
    if (shown.status, shown.size) != ("active", SIZE):
        raise Wrong(f"image {image.id} is {shown.status} with {shown.size} bytes, not active with {SIZE}")
    if images.download_image(image.id).content != data:
        raise Wrong(f"image {image.id} came back with other bytes")
    images.delete_image(image.id)
    if images.find_image(image.id):
        raise Wrong(f"image {image.id} was deleted and is still there")
    return f"{SIZE // 1024} KiB came back as they went in"
