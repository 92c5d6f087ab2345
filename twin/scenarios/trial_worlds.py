"""Worlds of virtual trials: simulators other than the twin that treats their patients.

A world says what tumors really are: equations, parameters, voxels, time step, noise of its scanner.
In "matched" all of that is what the twin assumes; every other world breaks an assumption. Patients
of one number share what the worlds have in common, since each parameter has a random stream of its
own name. Volume, proliferation and width of the front are drawn from ranges inside the twin's
priors (assumed); what no world changes is drawn from the prior of its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.errors import TwinError
from twin.models import FisherKPP, Hypoxia, Mechanics, TumorModel, TwoClones
from twin.parameters import Fixed, LogNormal, LogUniform, Prior

PROLIFERATION = LogUniform(0.02, 0.05)
VOLUME_ML = LogUniform(8.0, 30.0)
FRONT_MM = LogUniform(3.0, 5.0)
"""1/day; mL at the first scan; sqrt(D/ρ), mm."""


@dataclass(frozen=True)
class TrialWorld:
    """One simulator of patients.

    Attributes:
        name: as users ask for it.
        description: what is not as the twin assumes.
        model: equations.
        priors: parameters of its patients where they are not those of the model's table.
        refinement: its voxels along an edge of one voxel of the scans.
        max_step_days: its longest time step.
        noise_sd, smooth_noise_sd: white noise and noise smooth over 15 mm of a scan, cell fraction.
        wobble: relative spread of the threshold along a drawn outline.
    """

    name: str
    description: str
    model: TumorModel
    priors: Mapping[str, Prior] = field(default_factory=dict)
    refinement: int = 2
    max_step_days: float = 1.0
    noise_sd: float = 0.04
    smooth_noise_sd: float = 0.03
    wobble: float = 0.15


WORLDS: dict[str, TrialWorld] = {
    world.name: world
    for world in (
        TrialWorld(
            "matched",
            "none: equations, priors, voxels, step and white noise are those the twin assumes",
            FisherKPP(),
            refinement=1,
            max_step_days=3.0,
            noise_sd=0.025,
            smooth_noise_sd=0.0,
            wobble=0.0,
        ),
        TrialWorld(
            "two-clones",
            "a clone that resists drugs and fractions, finer voxels and steps, smooth noise",
            TwoClones(),
        ),
        TrialWorld(
            "hypoxia",
            "hypoxic cells that survive fractions and necrosis, finer voxels, smooth noise",
            Hypoxia(),
        ),
        TrialWorld(
            "mechanics",
            "spread that stress slows, finer voxels and steps, smooth noise",
            Mechanics(),
        ),
        TrialWorld(
            "low-alpha-beta",
            "alpha/beta about 3 Gy instead of 10, repopulation after four weeks, finer voxels",
            FisherKPP(),
            {"alpha_beta_ratio": LogNormal(3.0, 0.2), "repopulation_factor": Fixed(0.5)},
        ),
    )
}
DEFAULT_WORLDS = ("matched", "two-clones", "low-alpha-beta")


def get_trial_world(name: str) -> TrialWorld:
    """The world of a name.

    Raises:
        TwinError: for an unknown one, naming those there are.
    """
    if name not in WORLDS:
        raise TwinError(
            "unknown world", where="world", expected=f"one of {', '.join(WORLDS)}", got=name
        )
    return WORLDS[name]
