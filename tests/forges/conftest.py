"""Each test has a home and a repository of its own."""

from tests.support.user_home import home as home
from tests.support.user_home import user as user
