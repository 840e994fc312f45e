"""A plugin of pytest: joins the search when it is loaded, and runs the chosen tests in place of the usual loop."""

import _midwatch_start
import pytest
from _midwatch_link import describe, now, quiet
from _midwatch_start import Course, State, keys_of

_errors = {}
_current = []
_start = _midwatch_start


def _active():
    return State.job is not None


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    if _active():
        _tame(config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if _active():
        _tame(config)


def _tame(config):
    """No second process, no chance, no coverage, no limits but ours. The user's own last run has them all again."""
    plain = {
        "numprocesses": None, "dist": "no", "tx": [], "randomly_reorganize": False, "random_order_bucket": None,
        "timeout": 0, "no_cov": True, "usepdb": False, "cov_fail_under": 0,
    }  # fmt: skip
    for name, value in plain.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    if _active() and getattr(early_config.known_args_namespace, "cov_source", None):
        early_config.known_args_namespace.cov_source = []


def pytest_collectreport(report):
    if _active() and report.failed and report.nodeid not in _errors:
        _errors[report.nodeid] = str(report.longrepr)[-2000:]


@pytest.hookimpl(tryfirst=True)
def pytest_exception_interact(node, call, report):
    if _active() and call.excinfo is not None and not hasattr(report, "keywords"):
        excinfo = call.excinfo
        told = describe(excinfo.type, excinfo.value, excinfo.tb)
        cause = getattr(excinfo.value, "__cause__", None) or getattr(excinfo.value, "__context__", None)
        if cause is not None:
            inner = describe(type(cause), cause, cause.__traceback__)
            told = {"frames": told["frames"], "message": inner["message"], "hang": inner["hang"]}
        _errors[report.nodeid] = told


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if _active() and outcome.excinfo is None:
        report = outcome.get_result()
        if report.failed:
            if State.job["do"] == "try":
                _current.append({})
            elif call.excinfo is not None:
                _current.append(describe(call.excinfo.type, call.excinfo.value, call.excinfo.tb))
            else:
                _current.append({"frames": [], "message": str(report.longrepr)[-2000:], "hang": False})


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    if not _active():
        return None
    keys = keys_of([item.nodeid for item in session.items])
    job = State.job
    if job["do"] == "collect":
        errors = {
            "collect:" + key: told if isinstance(told, dict) else {"frames": [], "message": told, "hang": False}
            for key, told in _errors.items()
        }
        link, job = _start.ready("pytest-ready", keys, errors)
        _new_capture(session.config)
        _run(session, keys, Course(link, job))
    first = [key for key in job["first"] if not key.startswith("collect:")]
    course = Course(State.link, dict(job, first=first))
    for key in _errors:
        course.finish("%s cannot be collected" % key)
    if not first:
        course.half()
    _run(session, keys, course)
    return True


def _new_capture(config):
    """Children of one server must not share the files in which output is caught."""
    capture = config.pluginmanager.getplugin("capturemanager")
    try:
        capture.suspend_global_capture(in_=True)
        capture.stop_global_capturing()
        quiet()
        capture.start_global_capturing()
        capture.suspend_global_capture(in_=True)
    except Exception:
        quiet()


def _blind():
    """Explaining a failure costs more than the test: parse trees of the test file, long comparisons."""
    try:
        from _pytest.assertion import util

        util.assertrepr_compare = lambda *_, **__: None
    except ImportError:
        pass


def _no_words(*_, **__):
    return ""


def _run(session, keys, course):
    order = course.order(keys)
    if not course.base:
        _blind()
    for position, index in enumerate(order):
        item = session.items[index]
        following = session.items[order[position + 1]] if position + 1 < len(order) else None
        del _current[:]
        item.repr_failure = item._repr_failure_py = _no_words
        course.start(keys[index])
        began = now()
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:
            _current.append(describe(type(error), error, error.__traceback__))
        if not course.end(keys[index], now() - began, _current[0] if _current else None):
            break
    course.finish()


_start.plugin()
