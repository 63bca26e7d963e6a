"""`quorate check`: what the rules say about the design."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from quorate import rules
from quorate.cli.cloud import add_file_option, add_output_option, opened
from quorate.cli.exit import NO, YES
from quorate.model.finding import Finding, Severity


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("check", help="what is wrong with the file or the design, and what to do")
    add_file_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 if any is an error."""
    findings = rules.judge(opened(args).design)
    if args.output == "json":
        print(json.dumps([as_json(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(as_line(finding))
        print(summary(findings))
    return NO if any(finding.severity is Severity.ERROR for finding in findings) else YES


def as_line(finding: Finding) -> str:
    """A finding on one line."""
    return f"{finding.severity.value} {finding.code} {finding.place}: {finding.message}; {finding.remedy}"


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding for other programs."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "place": finding.place,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def summary(findings: Iterable[Finding]) -> str:
    """How many of which severity."""
    counted = Counter(finding.severity for finding in findings)
    parts = (
        f"{counted[severity]} {severity.value}{'s' if counted[severity] > 1 else ''}"
        for severity in Severity
        if counted[severity]
    )
    return ", ".join(parts) or "no findings"
