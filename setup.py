"""Which files `pip install .` takes: replearn_core, and what it reads of assets/ as replearn_core/assets. See pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["replearn_core*"]), "replearn_core.assets"],
    package_dir={"replearn_core.assets": "assets"},
    package_data={"replearn_core.assets": ["fonts/**", "claims/**", "pretrained/**/*", "i18n/en.toml"]},
)
