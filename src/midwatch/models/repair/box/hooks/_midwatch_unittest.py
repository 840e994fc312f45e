"""For unittest: when the first suite is about to run, join the search and run the chosen tests in its place."""

import contextlib

import _midwatch_start
from _midwatch_link import describe, now
from _midwatch_start import Course, State, keys_of


def install(unittest):
    """Take over the call of the outermost suite. Once per process; done before any fork."""
    original = unittest.suite.BaseTestSuite.__call__

    def call(self, *arguments, **keywords):
        if State.job is None or (State.ready and State.job["do"] == "collect"):
            return original(self, *arguments, **keywords)
        unittest.suite.BaseTestSuite.__call__ = original
        return _take_over(unittest, self)

    unittest.suite.BaseTestSuite.__call__ = call


def _flat(suite):
    for test in suite:
        if hasattr(test, "__iter__"):
            for inner in _flat(test):
                yield inner
        else:
            yield test


def _take_over(unittest, suite):
    tests = list(_flat(suite))
    keys = keys_of([test.id() for test in tests])
    link, job = State.link, State.job
    if job["do"] == "collect":
        link, job = _midwatch_start.ready("unittest-ready", keys, {})
    course = Course(link, job)
    order = course.order(keys)
    result = _result(unittest, course, {id(tests[index]): keys[index] for index in order})
    with contextlib.suppress(_Enough):
        unittest.TestSuite(tests[index] for index in order)(result)
    result.orphans([keys[index] for index in order])
    course.finish()


class _Enough(BaseException):
    """No further test needs to run."""


def _result(unittest, course, keys):
    class Result(unittest.TestResult):
        """Hands each outcome on."""

        began = 0.0
        failure = None
        outside = None

        def startTest(self, test):
            super().startTest(test)
            self.failure = None
            course.start(keys[id(test)])
            self.began = now()

        def stopTest(self, test):
            super().stopTest(test)
            key = keys.pop(id(test))
            if not course.end(key, now() - self.began, self.failure):
                course.finish()

        def _note(self, error):
            self.failure = self.failure or describe(*error)

        def addError(self, test, err):
            self._note(err)
            if id(test) not in keys:  # a fixture of a class or module failed: its tests will not start
                self.outside = describe(*err)
                if not course.base:
                    course.finish("a fixture failed")

        def addFailure(self, test, err):
            self._note(err)

        def addSubTest(self, test, subtest, err):
            if err is not None:
                self._note(err)

        def addUnexpectedSuccess(self, test):
            self.failure = self.failure or {"frames": [], "message": "unexpected success", "hang": False}

        def orphans(self, order):
            left = set(keys.values())
            for key in order:
                if key in left and course.base:
                    told = self.outside or {"frames": [], "message": "did not start", "hang": False}
                    skipped = self.outside is None
                    course.end(key, 0.0, None if skipped else told)

    return Result()
