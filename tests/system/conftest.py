"""Fixtures for the tests that run the real daemons: see postern_instance.py for what an instance offers."""

import itertools
import os

import pytest

from dovecot_instance import Dovecot
from postern_instance import Instance
from sending import World


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


@pytest.fixture
def world(tmp_path, make_instance):
    """Zones and next hops around an instance that is yet to be started: see sending.py."""
    world = World(tmp_path, make_instance)
    yield world
    world.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Like `instance`, but one for all tests of a file: for tests that leave others undisturbed (own users, own mail)."""
    instance = Instance(tmp_path_factory.mktemp("shared"))
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def imap_server(tmp_path_factory):
    """The server for the tests of IMAP clients: one for all tests of a file, Postern unless POSTERN_TEST_IMAP names Dovecot."""
    make = Dovecot if os.environ.get("POSTERN_TEST_IMAP") == "dovecot" else Instance
    server = make(tmp_path_factory.mktemp("imap"))
    yield server
    server.close()


@pytest.fixture
def imap_user(imap_server):
    """Makes users of imap_server: (address, password)."""
    def make():
        user = f"user{next(imap_users)}@example.org", "the pass word"
        imap_server.add_user(*user)
        return user

    return make


imap_users = itertools.count(1)
