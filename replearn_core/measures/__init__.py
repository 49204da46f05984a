"""Representations → numbers: every measure that a page draws, as functions of arrays; pages and `training` call them here.

Codes are NumPy arrays (N, K): N samples, K units. Only the smoothness measures take a torch callable, since they need its
derivative. scikit-learn, SciPy, torch and scikit-dimension are imported inside the functions that use them, so importing
this package costs NumPy only. Bad input raises a ValueError that names the argument, what is wrong and how much of it.
"""

from replearn_core.measures.disentanglement import DCI, dci, factor_information, mig, sap
from replearn_core.measures.distributed import regions_of_hyperplanes, regions_of_lines
from replearn_core.measures.hierarchy import linear_cka, principal_angles
from replearn_core.measures.manifold import continuity, intrinsic_dimension, participation_ratio, trustworthiness
from replearn_core.measures.probes import few_label_probe, linear_probe
from replearn_core.measures.reconstruction import pca_error, reconstruction_error
from replearn_core.measures.smoothness import jacobian, jacobian_spectrum, mean_jacobian_norm
from replearn_core.measures.sparsity import dead_units, hoyer, l0, lifetime_sparsity, population_sparsity

__all__ = [
    "DCI",
    "continuity",
    "dci",
    "dead_units",
    "factor_information",
    "few_label_probe",
    "hoyer",
    "intrinsic_dimension",
    "jacobian",
    "jacobian_spectrum",
    "l0",
    "lifetime_sparsity",
    "linear_cka",
    "linear_probe",
    "mean_jacobian_norm",
    "mig",
    "participation_ratio",
    "pca_error",
    "population_sparsity",
    "principal_angles",
    "reconstruction_error",
    "regions_of_hyperplanes",
    "regions_of_lines",
    "sap",
    "trustworthiness",
]
