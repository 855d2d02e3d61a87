"""On which real migrations the rules were tried, and what came of it: docs/review.md says it with each rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FILES = 3828
SETS = (
    "AppFlowy, Atuin (2 sets), Authelia, Bencher, CDK (2), Gitness, Homarr, Karakeep, Komga, lnd, Memos, Navidrome, "
    "OpenFGA, Ory Kratos (2), PhotoPrism, Pingvin Share, Pocket ID, screenpipe (2), SQLPage, Stash, Synapse, Tabby, "
    "Taproot Assets, Uptime Kuma, Vaultwarden, Vibe Kanban, zrok"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How many findings a rule had in these files, and how many of them a person read. None of those that were read
    is false in the rule as it is; what was, changed the rule. ``note``: what else there is to say."""

    findings: int
    read: int
    note: str = ""


TRIALS: Mapping[str, Trial] = {
    "MS01": Trial(230, 40),
    "MS02": Trial(238, 47),
    "MS04": Trial(6, 6),
    "MS06": Trial(100, 45),
    "MS07": Trial(101, 25),
    "MS08": Trial(4, 4),
    "MS09": Trial(416, 7),
    "MS10": Trial(77, 24),
    "MS11": Trial(151, 65),
    "MS12": Trial(2, 2),
    "MS13": Trial(85, 32),
    "MS14": Trial(2, 2, "both in a file whose authors fill the index from the application"),
    "MS16": Trial(5, 5),
    "MS17": Trial(1, 1),
    "MS18": Trial(351, 0),
    "MS19": Trial(917, 0),
    "MS20": Trial(164, 0),
    "MS21": Trial(31, 0),
    "MS24": Trial(185, 0),
    "MS25": Trial(2484, 0),
    "MS26": Trial(80, 23),
    "MS27": Trial(1433, 0),
    "MS29": Trial(5089, 0),
    "MS30": Trial(238, 44, "some in sets whose first tables a program makes"),
    "MS34": Trial(2327, 0),
    "MS35": Trial(17, 17),
    "MS36": Trial(215, 30),
    "MS37": Trial(197, 25),
    "MS40": Trial(74, 8),
    "MS41": Trial(1, 1),
    "MS42": Trial(1, 1),
}
"""By the code of the rule. A rule without an entry had no finding."""


def sentence(code: str) -> str:
    """The sentence about the trial of a rule."""
    trial = TRIALS.get(code)
    if trial is None:
        return f"{FILES:,} public files: no finding."
    read = f"{trial.read} of them read, none false" if trial.read else "none of them read"
    return f"{FILES:,} public files: {trial.findings:,} findings, {read}{f' ({trial.note})' if trial.note else ''}."
