"""Where things are, and what a person has set.

locations.py  which folder of models, which configuration files a command means
files.py      configuration files -> values
index.py      which index a command means
"""

from vsearch.config.index import index_location
from vsearch.config.locations import (
    INDEX_VARIABLE,
    MODELS_VARIABLE,
    OFFLINE_VARIABLE,
    PROJECT_FOLDER,
    expanded,
    is_set,
    models_location,
)
from vsearch.machine import cores

__all__ = [
    "INDEX_VARIABLE",
    "MODELS_VARIABLE",
    "OFFLINE_VARIABLE",
    "PROJECT_FOLDER",
    "cores",
    "expanded",
    "index_location",
    "is_set",
    "models_location",
]
