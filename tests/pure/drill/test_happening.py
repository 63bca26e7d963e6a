"""What the cluster's logs say, out of lines that Corosync 3.1.9 and Pacemaker 3.0.0 wrote."""

from quorate.drill.happening import Happening, Kind, happenings

STRUCK_AT = 1795278897.8

CTL2 = """\
1795278898.321682 ctl2 corosync[184]:   [KNET  ] link: host: 1 link: 0 is down
1795278898.659329 ctl2 corosync[184]:   [TOTEM ] Token has not been received in 825 ms
1795278898.934547 ctl2 corosync[184]:   [TOTEM ] A processor failed, forming new configuration: token timed out
1795278900.259443 ctl2 corosync[184]:   [TOTEM ] A new membership (2.16) was formed. Members left: 1
1795278900.697139 ctl2 pacemaker-fenced[31692]:  notice: Requesting peer fencing (reboot) targeting ctl1
1795278900.950000 ctl2 pacemaker-fenced[31692]:  error: Operation 'reboot' targeting ctl1 by ctl3 for pacemaker-controld.31696@ctl2: Error occurred (Agent returned error: OK then)
1795278901.046959 ctl2 pacemaker-fenced[31692]:  notice: Operation 'reboot' [32125] targeting ctl1 using fence-ctl1 returned 0
1795278901.061030 ctl2 pacemaker-fenced[31692]:  notice: Operation 'reboot' targeting ctl1 by ctl2 for pacemaker-controld.31696@ctl2: OK (Done)
1795278901.179926 ctl2 pacemaker-controld[31696]:  notice: Initiating start operation vip-internal_start_0 on ctl3
-- Boot f12685eff5e5a06d8c58ada851b2c3dc --
"""  # noqa: E501 - as they are
CTL3 = """\
1795278901.061530 ctl3 pacemaker-fenced[31692]:  notice: Operation 'reboot' targeting ctl1 by ctl2 for pacemaker-controld.31696@ctl2: OK (Done)
1795278901.150000 ctl3 pacemaker-controld[11]:  notice: Result of start operation for vip-internal on ctl3: OK
1795278901.160000 ctl3 pacemaker-controld[11]:  notice: Result of monitor operation for vip-internal on ctl3: OK
1795278901.170000 ctl3 pacemaker-controld[11]:  notice: Result of start operation for galera on ctl3: Error occurred
"""  # noqa: E501
CTL1 = """\
1795278903.000000 ctl1 pacemakerd[60]:  notice: Starting Pacemaker 3.0.0
1795278920.500000 ctl1 pacemaker-controld[70]:  notice: Result of promote operation for galera on ctl1: OK
"""


def test_what_happened_is_told_once_and_in_order() -> None:
    found = happenings((("ctl3", CTL3), ("ctl1", CTL1), ("ctl2", CTL2)), STRUCK_AT)
    assert found == (
        Happening(1.135, Kind.DETECTED, "ctl2"),
        Happening(2.459, Kind.MEMBERSHIP, "ctl2"),
        Happening(3.15, Kind.NOT_FENCED, "ctl1"),
        Happening(3.261, Kind.FENCED, "ctl1"),
        Happening(3.35, Kind.START, "ctl3", "vip-internal"),
        Happening(5.2, Kind.BEGUN, "ctl1"),
        Happening(22.7, Kind.PROMOTE, "ctl1", "galera"),
    )


def test_a_second_fencing_is_another() -> None:
    again = CTL2.replace("1795278901.061030", "1795278951.061030")
    found = happenings((("ctl3", CTL3), ("ctl2", again)), STRUCK_AT)
    assert [each.at_s for each in found if each.kind is Kind.FENCED] == [3.262, 53.261]
