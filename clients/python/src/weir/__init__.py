"""A client of weir, streaming analytics in PostgreSQL: external trainers, alerts as they happen, readings as DataFrames, versions of models."""
from .client import Client
from .errors import ArtifactChanged, EventsMissed, JobCancelled, JobFailed, JobLost, LeaseLost, NoJob, WeirError
from .events import AlertEvent
from .jobs import Job
from .models import ModelVersion

__version__ = '0.1.0'

__all__ = ['AlertEvent', 'ArtifactChanged', 'Client', 'EventsMissed', 'Job', 'JobCancelled', 'JobFailed', 'JobLost', 'LeaseLost', 'ModelVersion', 'NoJob',
           'WeirError', '__version__']
