"""What all tests share: properties have no time limit a case, for a test says nothing of speed (bench/ does) and machines are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
