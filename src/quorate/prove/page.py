"""A proof as one HTML page that needs nothing else: no script, no font, no image from anywhere.

It shows what was found and how much was looked at, never a resource's parameters: some are secrets.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from quorate.formats.markup import document, element, table
from quorate.model.finding import Verdict
from quorate.prove.counterexample import Counterexample, actions, steps
from quorate.prove.picture import GLYPHS, picture
from quorate.prove.proof import Coverage, Proof, PropertyOutcome
from quorate.prove.scene import scene
from quorate.prove.words import listed

NAMES = 30
"""How many situations that are not decided are named for one reason; of more it says how many."""

UNKNOWN_CAUSE = "no single edit that was tried mends it"

VERDICTS = {Verdict.YES: "Proved", Verdict.NO: "Refuted", Verdict.UNKNOWN: "Not decided"}

STYLE = Path(__file__).with_name("page.css").read_text()


def page(title: str, proof: Proof, counterexamples: Sequence[Counterexample]) -> str:
    """The whole page. The same proof and counterexamples give the same text."""
    return document(f"{VERDICTS[proof.verdict]}: {title}", STYLE, _body(title, proof, counterexamples))


def _body(title: str, proof: Proof, counterexamples: Sequence[Counterexample]) -> Iterator[Element]:
    yield element("header", {}, element("h1", {}, title), _verdict(proof))
    if counterexamples:
        yield element("h2", {}, "What refutes it")
        yield _legend()
        for number, each in enumerate(counterexamples, 1):
            yield _counterexample(f"c{number}", each)
    yield element("h2", {}, "Properties")
    yield _properties(proof, counterexamples)
    yield element("h2", {}, "What was looked at")
    yield from _coverage(proof.coverage)
    if proof.undecided:
        yield element("h2", {}, "What is not decided")
        yield from _undecided(proof)


def _verdict(proof: Proof) -> Element:
    judged = [each for each in proof.properties if each.applies]
    refuted = sum(1 for each in judged if each.refutation)
    vacuous = [each for each in judged if each.vacuous]
    told = f"{refuted} of {len(judged)} properties refuted." if refuted else ""
    if vacuous:
        told += f" {len(vacuous)} of {len(judged)} vacuous: {_why_vacuous(vacuous[0])}."
    if not refuted:
        told = f"Nothing that was looked at refutes any of {len(judged)} properties.{told}"
    if proof.undecided:
        told += f" {_counted(len(proof.undecided), 'situation')} could not be judged."
    verdict = proof.verdict
    return element(
        "div",
        {"class": f"verdict {verdict.value}"},
        element("strong", {}, VERDICTS[verdict]),
        element("p", {}, told.strip()),
        element("p", {"class": "dim"}, _in_short(proof.coverage)),
    )


def _in_short(coverage: Coverage) -> str:
    situations = _counted(sum(coverage.classes.values()), "situation")
    transitions = _counted(coverage.transitions, "transition")
    return f"{situations}, {transitions}, Pacemaker {coverage.pacemaker}, {coverage.seconds:.1f} s"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _legend() -> Element:
    shapes = {
        "lost": "lost",
        "fence": "fenced",
        "stop": "stop",
        "start": "start",
        "promote": "promote, promoted",
        "demote": "demote",
        "fails": "failed",
        "vip": "virtual IP",
        "new": "was not there before",
        "gone": "is no longer there",
    }
    items = [
        element("li", {}, _sample(element("path", {"d": GLYPHS[name], "class": f"g {name}"})), words)
        for name, words in shapes.items()
    ]
    lines = {"order": "waits for it", "move": "moves", "unordered": "nothing makes one wait for the other"}
    for name, words in lines.items():
        line = element("path", {"d": "M0 5 H16", "class": f"edge {name}"})
        items.append(element("li", {}, _sample(line, 18), words))
    items.append(element("li", {}, "Rows of a transition are numbered: what is in one row may be done at once."))
    items.append(element("li", {}, "Dashed on an UNCLEAN node: may still run there."))
    return element("ul", {"class": "legend"}, *items)


def _sample(shape: Element, width: int = 10) -> Element:
    return element("svg", {"viewBox": f"0 0 {width} 10", "aria-hidden": "true"}, shape)


def _counterexample(name: str, each: Counterexample) -> Element:
    """The words, the picture, and the order in words; on a wide page the words are beside the picture."""
    shown = scene(each.trace, each.refutation.breach)
    figure = element("figure", {}, element("div", {"class": "scroll"}, picture(shown, name)))
    if shown.left_out:
        figure.append(element("figcaption", {}, f"Not shown: {', '.join(shown.left_out)}."))
    section = element("section", {"class": "counterexample", "id": name})
    section.extend((element("div", {"class": "words"}, *_words(each)), figure))
    order = actions(each)
    if order:
        heading = element("h4", {}, "What Pacemaker does, in which order")
        section.append(element("div", {"class": "order"}, heading, element("pre", {}, "\n".join(order))))
    return section


def _words(each: Counterexample) -> Iterator[Element]:
    refutation, cause = each.refutation, each.cause
    yield element("p", {"class": "dim"}, element("strong", {}, refutation.breach.property), f": {each.about}")
    yield element("h3", {}, refutation.breach.message)
    yield element("p", {}, element("strong", {}, "Cause: "), cause.text if cause else UNKNOWN_CAUSE)
    if cause:
        yield element("p", {}, element("strong", {}, "Remedy: "), cause.remedy)
    if refutation.others:
        more = _counted(refutation.others, "other situation")
        yield element("p", {}, f"{more} {'shows' if refutation.others == 1 else 'show'} it as well.")
    if each.trace.episodes:
        yield element("h4", {}, "What happens")
        yield element("ol", {}, *(element("li", {}, step) for step in steps(each)))


def _properties(proof: Proof, counterexamples: Sequence[Counterexample]) -> Element:
    links = {each.refutation.breach.property: f"#c{number}" for number, each in enumerate(counterexamples, 1)}
    rows = [_row(each, links.get(each.name)) for each in proof.properties]
    return table(("Property", "Verdict", "Times checked"), rows, numbers=(2,))


def _row(outcome: PropertyOutcome, link: str | None) -> tuple[Element, ...]:
    kind, words = _judged(outcome)
    told: Element | str = element("a", {"href": link}, words) if link else words
    name = element("td", {}, element("strong", {}, outcome.name), f": {outcome.about}")
    if outcome.refutation and not link:
        name.append(element("p", {}, f"{outcome.refutation.breach.message} ({outcome.refutation.situation})"))
    verdict = element("td", {"class": f"word {kind}"}, told)
    return name, verdict, element("td", {"class": "number"}, f"{outcome.checked:,}")


def _judged(outcome: PropertyOutcome) -> tuple[str, str]:
    if outcome.refutation:
        return "no", "✗ refuted"
    if outcome.vacuous:
        sign = "✗" if outcome.verdict is Verdict.NO else "?"
        return outcome.verdict.value, f"{sign} vacuous: {_why_vacuous(outcome)}"
    if not outcome.applies:
        return "not", "· does not apply"
    return ("yes", "✓ holds") if outcome.decided else ("unknown", "? not decided")


def _why_vacuous(outcome: PropertyOutcome) -> str:
    return "never anything to check" if outcome.everywhere else "not in the situations asked for"


def _coverage(coverage: Coverage) -> Iterator[Element]:
    by = f"Pacemaker {coverage.pacemaker} decided ({coverage.engine}, {coverage.place})"
    yield element("p", {}, f"{by}, in {coverage.seconds:.1f} s.")
    yield element("p", {}, f"{_counted(coverage.transitions, 'transition')}, each judged in every property.")
    for what, sample in coverage.sampled.items():
        yield element("p", {}, f"A sample, of {what}: {sample}.")
    if not coverage.sampled:
        yield element("p", {}, "Nothing was sampled.")
    rows = [
        (element("td", {}, kind), element("td", {"class": "number"}, f"{count:,}"))
        for kind, count in coverage.classes.items()
    ]
    yield table(("Class of situations", "Situations"), rows, numbers=(1,))


def _undecided(proof: Proof) -> Iterator[Element]:
    for why, names in proof.open.items():
        yield element("p", {}, element("strong", {}, f"{why}: "), listed(names, NAMES))
