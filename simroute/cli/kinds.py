"""Kinds of values that several commands' options take."""

from __future__ import annotations

import click

from simroute.core.params import MOST_SEED

SEED = click.IntRange(0, MOST_SEED)
