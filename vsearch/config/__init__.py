"""Where things are, and what a person has set.

locations.py  which index, which folder of models, which configuration files a command means
files.py      configuration files -> values
"""

from vsearch.config.locations import (
    INDEX_VARIABLE,
    MODELS_VARIABLE,
    OFFLINE_VARIABLE,
    PROJECT_FOLDER,
    cores,
    expanded,
    index_location,
    is_set,
    models_location,
)

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
