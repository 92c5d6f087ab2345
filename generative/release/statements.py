"""The sentences of the three columns of a certificate, for the pages that a person reads."""

from __future__ import annotations

from generative.release.certificate import Certificate
from generative.release.scans_file import LARGEST_EDGE_MM


def proved_lines(certificate: Certificate) -> list[str]:
    """What follows from the mechanism."""
    proved = certificate.proved
    lines = [proved.claim, f"Mechanism: {proved.mechanism}."]
    if proved.epsilon is None or proved.delta is None:
        lines.append("Nothing about privacy is proved: no budget was set for the training.")
    else:
        lines += [
            f"Epsilon {proved.epsilon:.4g} at delta {proved.delta:.3g}; the unit is {proved.unit},"
            f" neighbors are {proved.neighbors}.",
            "Whatever is computed from this release alone spends nothing more.",
        ]
    for charge in proved.charges:
        often = "once" if charge.steps == 1 else f"{charge.steps} times"
        lines.append(
            f"Charge: {charge.name}; noise multiplier {charge.noise_multiplier:.4g}, sampling"
            f" probability {charge.sampling_probability:.4g}, {often}."
        )
    if not proved.charges:
        lines.append("Charges: none.")
    if proved.weakness:
        lines.append(f"Known weakness: {proved.weakness}")
    return lines


def recomputable_lines(certificate: Certificate) -> list[str]:
    """What a receiver can compute anew."""
    epsilon = "Epsilon from the charges, within 2 %."
    return [
        *([] if certificate.proved.epsilon is None else [epsilon]),
        "The checksum of every file, and the owner's signature over all checksums.",
        *contents_lines(certificate),
        "Every header byte follows from geometry and type; no name, time or free text is left.",
        "Images as HDF5 and as NIfTI hold the same voxels; tables and Croissant follow from them.",
    ]


def contents_lines(certificate: Certificate) -> list[str]:
    """What is in the release, as its files say themselves."""
    found = certificate.recomputable
    size = " x ".join(str(count) for count in found.shape)
    spacing = " x ".join(f"{edge:g}" for edge in found.spacing_mm)
    columns = ", ".join(found.columns) or "none"
    return [
        f"{found.patients} patients with {found.scans_per_patient} {found.modality} scans each:"
        f" {size} voxels of {spacing} mm in {found.unit}; {found.responders} responded.",
        f"Clinical columns: {columns}.",
    ]


def asserted_lines(certificate: Certificate) -> list[str]:
    """What a receiver has to believe the owner."""
    asserted = certificate.asserted
    count = asserted.patients_in_training
    lines = [
        f"The training had {count} patients, each once, with all their scans together; this number"
        " itself is not protected."
    ]
    if certificate.proved.epsilon is None:
        lines.append("The owner has grounds to share these scans that do not rest on privacy.")
    else:
        lines += [
            "Nothing else was learned from private patients: no choice of settings, columns or"
            " scans, and no earlier release, rests on them unpaid.",
            "What the training took as public is public: priors, anatomy, grid, days of scans.",
            "Seeds of all noise were random, secret and used once.",
            "The program that ran was the one named here, unchanged.",
        ]
    lines += [f"Used without payment: {text}." for text in asserted.unpaid]
    if asserted.defaced:
        lines.append("Faces were removed from the scans that the generator learned from.")
    else:
        lines.append(f"No region has an edge above {LARGEST_EDGE_MM:g} mm; none shows a face.")
    lines.append("The owner is who this certificate says, and the public key is theirs.")
    return lines
