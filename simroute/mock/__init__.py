"""Fake providers that behave as a scenario says, in real time: for anybody's tests."""
