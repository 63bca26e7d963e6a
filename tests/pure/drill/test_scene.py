"""What a fault has at hand."""

import random

from quorate.drill.scene import Scene


def scene(design) -> Scene:
    return Scene(design, None, None, None, random.Random(1), 0, print)


def test_what_may_be_active_once_is_known_by_its_parts(cloud, full) -> None:
    assert scene(cloud).once() == {"vip-internal": ("vip-internal",)}
    assert scene(full).once() == {
        "vip-internal": ("vip-internal",),
        "cinder-volumes": ("cinder-files", "cinder-volume"),
        "heat-engine": ("heat-engine",),
    }
