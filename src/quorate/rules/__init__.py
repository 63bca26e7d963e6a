"""Judging a design: every rule with its code, which never changes and is never used for another rule.

Q1.. membership, Q2.. fencing, Q3.. virtual IPs, Q4.. extra settings, Q5.. timers, Q6.. services.
"""

from collections.abc import Iterator
from typing import Any

from quorate.model.cloud import Cloud
from quorate.model.design import Design
from quorate.model.finding import Finding, Severity
from quorate.rules import addresses, fencing, membership, overrides, services, timing
from quorate.rules.rule import Rule

_ORDER = {severity: position for position, severity in enumerate(Severity)}

CLOUD_RULES: tuple[Rule[Cloud], ...] = (
    Rule("Q101", Severity.ERROR, membership.few_members),
    Rule("Q102", Severity.WARNING, membership.even_members),
    Rule("Q103", Severity.ERROR, membership.many_members),
    Rule("Q104", Severity.WARNING, membership.single_link),
    Rule("Q105", Severity.ERROR, membership.several_clusters),
    Rule("Q106", Severity.WARNING, membership.idle_node),
    Rule("Q107", Severity.WARNING, membership.short_token),
    Rule("Q108", Severity.ERROR, membership.two_node_mode),
    Rule("Q109", Severity.WARNING, membership.plain_corosync),
    Rule("Q110", Severity.ERROR, membership.ipv6_management),
    Rule("Q201", Severity.ERROR, fencing.no_fencing),
    Rule("Q202", Severity.WARNING, fencing.fencing_off),
    Rule("Q203", Severity.ERROR, fencing.node_without_bmc),
    Rule("Q204", Severity.ERROR, fencing.own_bmc_address),
    Rule("Q205", Severity.NOTE, fencing.old_ipmi),
    Rule("Q206", Severity.WARNING, fencing.short_fencing),
    Rule("Q301", Severity.ERROR, addresses.no_holder),
    Rule("Q302", Severity.ERROR, addresses.single_holder),
    Rule("Q303", Severity.WARNING, addresses.partial_holders),
    Rule("Q401", Severity.ERROR, overrides.lost_commits),
    Rule("Q402", Severity.ERROR, overrides.ignored_quorum),
    Rule("Q403", Severity.WARNING, overrides.replaced_provider_options),
    Rule("Q404", Severity.ERROR, overrides.unreplicated),
    Rule("Q405", Severity.ERROR, overrides.ignored_partition),
    Rule("Q406", Severity.WARNING, overrides.other_partition),
    Rule("Q407", Severity.WARNING, overrides.unreplicated_queues),
    Rule("Q408", Severity.WARNING, overrides.fragile_cache),
    Rule("Q409", Severity.WARNING, overrides.cheap_hashes),
    Rule("Q501", Severity.WARNING, timing.slow_proxy),
    Rule("Q502", Severity.WARNING, timing.slow_database),
    Rule("Q503", Severity.WARNING, timing.slow_cache),
    Rule("Q504", Severity.WARNING, timing.hasty_cache_retry),
    Rule("Q505", Severity.WARNING, timing.endless_tcp),
    Rule("Q506", Severity.WARNING, timing.hasty_heartbeat),
    Rule("Q601", Severity.ERROR, services.files_elsewhere),
    Rule("Q602", Severity.ERROR, services.files_nowhere),
    Rule("Q603", Severity.ERROR, services.nowhere_to_put_vlans),
    Rule("Q604", Severity.ERROR, services.tunnels_past_the_kernel),
    Rule("Q605", Severity.ERROR, services.ceph_nowhere),
    Rule("Q606", Severity.ERROR, services.managers_without_locks),
)

DESIGN_RULES: tuple[Rule[Design], ...] = (
    Rule("Q420", Severity.WARNING, overrides.several_writers),
    Rule("Q421", Severity.WARNING, overrides.without_effect),
)


def judge(subject: Cloud | Design) -> tuple[Finding, ...]:
    """Every finding, the worst first and then by code; a cloud without its design is judged as far as it goes."""
    findings = sorted(
        _findings(subject), key=lambda finding: (_ORDER[finding.severity], finding.code, finding.place)
    )
    return tuple(findings)


def table() -> str:
    """Every rule as a Markdown table, for the documentation."""
    rules: list[Rule[Any]] = [*CLOUD_RULES, *DESIGN_RULES]
    rules.sort(key=lambda rule: rule.code)
    rows = (f"| {rule.code} | {rule.severity.value} | {rule.title} | {rule.reason} |" for rule in rules)
    return "\n".join(("| code | severity | what must hold | why |", "|---|---|---|---|", *rows)) + "\n"


def _findings(subject: Cloud | Design) -> Iterator[Finding]:
    cloud = subject.cloud if isinstance(subject, Design) else subject
    for rule in CLOUD_RULES:
        yield from rule.judge(cloud)
    if isinstance(subject, Design):
        for design_rule in DESIGN_RULES:
            yield from design_rule.judge(subject)
