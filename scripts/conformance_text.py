"""The prose of the two pages about the conformance kit that scripts/conformance_table.py writes."""

HEAD = """# The conformance kit

`twin.testing` holds any tumor simulator to properties that its users rely on. A
[tutorial](../tutorial/conformance-kit.md) takes an outside simulator through it;
[who keeps what](conformance-results.md) shows the outcome for ours and others'. This page is made
from the code by `python -m scripts.conformance_table page`.

    from twin.testing import conformance
    report = conformance.check(my_simulator)      # or check("package.module:name")
    print(report)                                 # holds / FAILS / not applicable
    report.raise_if_failed()                      # with a script for every failure

    pytest --pyargs twin.testing --simulator=package.module:name

`check(simulator, properties=None, examples=None, derandomize=True, shrink_seconds=10)` takes names
of properties or groups (bounds, conservation, geometry, time, treatment, growth, numerics,
derivatives, batches, kinetics, normal_tissue, inference), and how many examples each property is
tried on. Examples are drawn by Hypothesis from a fixed seed: a verdict is the same every time. A
failing example is made smaller for `shrink_seconds` and told as a script that stands alone.

The kit itself needs NumPy, SciPy and Hypothesis (Python >= 3.11), no JAX and nothing else of this
package, so that it also runs in the environment of another simulator.

## The case

A case is one simulation as plain NumPy data (`twin.testing.Case`), with one strict meaning:

    du/dt = div(D grad u) + rho u (1 - u/theta) - sum_j s_j c_j(t) u      no flux through the mask
    c_j(t) = sum_i a_i exp(-k_j (t - t_i)) over the doses with t_i <= t
    u(t+) = u(t-) exp(-alpha d - beta d²),  beta = alpha / (alpha/beta)   at every fraction

A density wanted at the very time of a treatment is the one just before it. Entries at one time all
count, each fraction with its own survival. Fractions before the start have acted; of drug doses
before the start, what is left in the body still acts. Nothing flows through the border of the
array, which tissue may touch. A case does not check itself: refusing a bad one is the simulator's
duty.

## The protocol

"""

EXTRAS = """`twin.testing.reference` is a small NumPy simulator that keeps everything,
`twin.testing.reference_extras` adds every extra, and `twin/testing/adapters` has adapters for our
models, TumorTwin, TumorGrowthToolkit and exponax.

## Strategies

`twin.testing.strategies` has the Hypothesis strategies for tests of one's own: `masks`, `initials`,
`fields`, `tensors`, `fractions`, `drugs`, `cases`, `courses`, `broken_inputs`, and, where JAX is
installed, `domains` and `patients` of this package. Few array shapes and few counts of time steps
occur, since compiling dominates the time of many simulators.

## The properties

Numbers are those of the list that the kit was designed from; related properties share one. Number
47 (model predictive control without noise or mismatch is the open-loop optimum) is left out: there
is no such controller in this package yet. The tolerance in float32 holds for simulators that return
float32 or say `precision = "single"`; it is relative to the capacity or to the largest value
expected. A property that a simulator cannot be asked is reported as not applicable: because it
raises `NotApplicable`, lacks an extra, or exempts the property by its biology.
"""

OPENING = """# Who keeps what

Made by `python -m scripts.conformance_table`. The [conformance kit](conformance.md) on the models
of this package and, where they could be installed, on others' simulators, through the adapters in
`twin/testing/adapters`.

How to read it:

- An adapter translates inputs and nothing else. What a simulator cannot express is not applicable
  (–), which is no fault: a model without drugs is a model without drugs.
- The cases are those of the kit's equations, and its choice of what matters is ours. A simulator
  that fails a row may be the better one for what it was made for; a row that is kept says nothing
  about rows that were not asked. TumorTwin calibrates to patients' images out of the box,
  TumorGrowthToolkit is quick to a glioma in a brain atlas, exponax solves dozens of equations on
  periodic boxes with an accuracy that finite volumes do not reach.
- Our own models were developed against these properties, the others were not. Read the columns of
  the others as what a user meets who takes them for these equations as they come, with the default
  settings of each.
- One cause can fail several rows; the lists below the table tell what was found and expected. Three
  rows of exponax (conservation, mirror images, more outputs) miss the tolerance of single precision
  by a factor of one to two: its Fourier transforms round off more than sums over neighbors do.
- A model of ours that by its biology cannot have a relation says why. Where it has a limit in which
  it must be Fisher-KPP (two alike clones, plenty of oxygen, normal vessels, effectors that do not
  kill), that limit is a column of its own, with nothing left out.
- What the kit found in ours on the way: mechanics ended in NaN where cells are spread evenly, and
  immune cells fell short of second order beside a drug gone within hours. Both are mended.
"""
