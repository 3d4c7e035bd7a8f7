"""Libraries whose mathematics results are compared with, without what they draw and connect with.

AI Fairness 360, Aequitas, NannyML and shap depend on plotting, storage, web and compiling libraries that their formulas do not use. They are installed alone
(unit/requirements-alone.txt); modules that are missing are stood in for by empty ones while they are imported.
"""
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
import types
import warnings
from unittest.mock import MagicMock

warnings.filterwarnings('ignore')


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives empty modules for those that only draw."""
    NAMES = {'altair', 'kaleido', 'matplotlib', 'mpl_toolkits', 'plotly', 'seaborn'}

    def find_spec(self, name, path=None, target=None):
        top = name.split('.')[0]
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if top in self.NAMES else None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__, module.__file__ = [], spec, spec.name, spec.name
        return module

    def exec_module(self, module):
        pass


def _with_absent():
    # Before the stand-ins: what looks for optional plotting libraries itself must not find them.
    import pandas  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import sklearn.isotonic  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import sklearn.model_selection  # noqa: F401
    import sklearn.neighbors  # noqa: F401
    import sklearn.pipeline  # noqa: F401
    import sklearn.preprocessing  # noqa: F401
    if not any(isinstance(finder, Absent) for finder in sys.meta_path):
        sys.meta_path.append(Absent())
    logging.disable(logging.WARNING)


def _without_contents(package, *inner):
    """The packages themselves import everything: their parts are imported one by one."""
    root = os.path.dirname(importlib.util.find_spec(package).origin)
    for name in ('', *inner):
        module = types.ModuleType(f'{package}.{name}'.strip('.'))
        module.__path__ = [os.path.join(root, *name.split('.'))]
        sys.modules[module.__name__] = module


def aif360():
    """ClassificationMetric, BinaryLabelDataset."""
    _with_absent()
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric
    return ClassificationMetric, BinaryLabelDataset


def aif360_searches():
    """bias_scan, MDSS, Bernoulli; the auditor of rich subgroup fairness."""
    _with_absent()
    from aif360.algorithms.inprocessing.gerryfair.auditor import Auditor
    from aif360.detectors.mdss.MDSS import MDSS
    from aif360.detectors.mdss.ScoringFunctions import Bernoulli
    from aif360.detectors.mdss_detector import bias_scan
    return bias_scan, MDSS, Bernoulli, Auditor


def aequitas():
    """Group, Bias, Fairness."""
    _with_absent()
    from aequitas.bias import Bias
    from aequitas.fairness import Fairness
    from aequitas.group import Group
    return Group, Bias, Fairness


def nannyml():
    """The modules of confidence-based estimation, of calibration, of thresholds and of sampling errors of regressions."""
    _with_absent()
    _without_contents('nannyml', 'performance_estimation', 'performance_estimation.confidence_based')
    sys.modules['nannyml.performance_estimation.confidence_based'].SUPPORTED_METRIC_VALUES = []
    from nannyml import calibration, thresholds
    from nannyml.performance_estimation.confidence_based import metrics
    from nannyml.sampling_error import regression
    return metrics, calibration, thresholds, regression


def shap_tree_explainer():
    """TreeExplainer, whose formulas are compiled C; what numba would compile is for others."""
    _with_absent()
    Absent.NAMES |= {'numba', 'slicer', 'tqdm'}
    _without_contents('shap', 'explainers')
    from shap.explainers._tree import TreeExplainer
    return TreeExplainer
