"""A claim, the evidence that is held against it, and the verdict that follows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lstm_gru.report.evidence import SHARE, Evidence, Finding
from lstm_gru.report.tables import Table

Verdict = Literal["holds", "does not hold", "depends", "open"]
SIDES = {"for": "for it", "against": "against it", "open": "open"}


RULE = (
    "Made by `lstm-gru report` from the JSON files in `results/`, `benchmark.json` and `translation_speed.json`; not "
    "edited by hand. A measurement speaks for a claim where its 95 % interval lies on the claim's side of 0 (of 1, of "
    "quotients), against it where it lies on the other, and is open where it has both. Two variants are alike where "
    f"the interval of their difference lies within {100 * SHARE:.0f} % of what the second one gains over the best "
    "trivial baseline, or of 1: there is no such room where it gains nothing. Equal to the last digit speaks against a "
    "claim that one is ahead. A claim holds where more than half of its measurements speak for it and none against, "
    "does not hold where it is the other way round, and depends on something else; one about most tasks may have some "
    "on the other side.\n\n"
    "Intervals of scores have two parts, added as squares: the paired bootstrap over the units of the test (days, "
    "sentences, pieces), for the score that ranks an experiment, and Student's t over seeds. Where one side has one "
    "seed it is given the other's spread; where both have one, the interval is of the units alone, and the measurement "
    "counts as open. Intervals of times are Student's t over shapes, or over rounds. Every score is in "
    "`results/EXPERIMENT-VARIANT-seed-N.json`; `lstm-gru reproduce EXPERIMENT` trains it again."
)


@dataclass(frozen=True)
class Claim:
    """Something that is said, and what it is held against.

    Attributes:
      text: the claim, as a sentence.
      evidence: the measurements, each with what the claim expects of it.
      depends_on: what decides, where the evidence goes both ways.
      mostly: the claim is of most of its measurements, not of all.
    """

    text: str
    evidence: tuple[Evidence, ...]
    depends_on: str = ""
    mostly: bool = False


@cache  # The short table and the long ones need it; resampling takes a while.
def findings_of(claim: Claim) -> tuple[Finding, ...]:
    """Return what is recorded of a claim's evidence."""
    return tuple(finding for evidence in claim.evidence for finding in evidence.findings())


def verdict(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Return what the findings say of a claim.

    It holds where more than half of them speak for it and none against it, and does not where more than half speak
    against it and none for it; a claim that is of most cases only may have some on the other side. It is open where
    none says anything, and else it depends.
    """
    said = [finding.says for finding in findings]
    for_it, against = said.count("for"), said.count("against")
    if 2 * for_it > len(said) and (claim.mostly or not against):
        return "holds"
    if 2 * against > len(said) and (claim.mostly or not for_it):
        return "does not hold"
    return "depends" if for_it or against else "open"


def in_words(claim: Claim, findings: Sequence[Finding]) -> str:
    """Return the verdict, and where there are several sides the conditions on each, in Markdown."""
    found = verdict(claim, findings)
    heading = f"depends on {claim.depends_on}" if found == "depends" else found
    sides = {says: [finding.where for finding in findings if finding.says == says] for says in SIDES}
    lines = [f"- {SIDES[says]}: {'; '.join(dict.fromkeys(where))}" for says, where in sides.items() if where]
    return "\n".join([f"**{heading[0].upper()}{heading[1:]}.**", "", *(lines if len(lines) > 1 else [])]).rstrip()


def claims_document(claims: Sequence[Claim]) -> str:
    """Return the text of ``experiments/CLAIMS.md``."""
    parts = ["# Claims, and what was measured", RULE, claims_table(claims).markdown()]
    for number, claim in enumerate(claims, start=1):
        findings = findings_of(claim)
        parts += [f"## {number}. {claim.text}", in_words(claim, findings)]
        parts += [findings_table(findings).markdown()] if findings else []
    return "\n\n".join(parts) + "\n"


def claims_table(claims: Iterable[Claim]) -> Table:
    """Return the short table: each claim, its verdict, and how many findings there are on each side."""
    rows = []
    for number, claim in enumerate(claims, start=1):
        findings = findings_of(claim)
        found, said = verdict(claim, findings), [finding.says for finding in findings]
        in_short = f"depends on {claim.depends_on}" if found == "depends" else found
        rows.append((f"{number}", claim.text, in_short, *(f"{said.count(says)}" for says in SIDES)))
    return Table(("", "claim", "verdict", *SIDES), tuple(rows), words=3)


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the evidence of one claim."""
    headings = ("where", "what is compared", "says", "measured, each", "effect [95 %]", "runs", "from")
    rows = tuple((f.where, f.compared, f.says, f.measured, f.effect, f.runs, f.source) for f in findings)
    return Table(headings, rows, words=3)
