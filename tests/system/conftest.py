"""Fixtures for the tests that run the real daemons: see postern_instance.py for what an instance offers."""

import pytest

from postern_instance import Instance


@pytest.fixture
def make_instance(tmp_path_factory):
    """A function that makes (and serves) an instance; all of them are stopped and checked at the end of the test."""
    made = []

    def make(**options):
        instance = Instance(tmp_path_factory.mktemp("instance"), **options)
        made.append(instance)
        return instance

    yield make
    for instance in made:
        instance.close()


@pytest.fixture
def instance(make_instance):
    """An instance that serves example.org with alice and bob, for this test alone."""
    return make_instance()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Like `instance`, but one for all tests of a file: for tests that leave others undisturbed (own users, own mail)."""
    instance = Instance(tmp_path_factory.mktemp("shared"))
    yield instance
    instance.close()
