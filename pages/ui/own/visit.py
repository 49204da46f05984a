"""Who uses which own data, told by open sessions; what nobody uses leaves, with every run and answer made of it.

`hold` is called while a page is drawn, `sweep` by the janitor of serve.py, `delete` by the visitor's button.
"""

import logging
import threading
import time
from collections import defaultdict

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from replearn_core import catalog, engine
from replearn_core.own import kept
from replearn_core.store import StoreUnavailable

EVERY = 20.0  # seconds between two sweeps

log = logging.getLogger(__name__)
_holders: defaultdict[str, set[str]] = defaultdict(set)  # names by Streamlit's session id
_beaten: dict[str, float] = {}  # when this server last noted that a set is used
_lock = threading.Lock()


def hold(name: str) -> None:
    """The session that draws this page uses these data: they stay as long as it is open."""
    context = get_script_run_ctx()
    if context is not None and catalog.is_own(name):
        with _lock:
            _holders[context.session_id].add(name)


def sweep(now: float | None = None) -> None:
    """Note what open sessions use; take out what nobody has used for `kept.GONE` seconds. Never raises."""
    now = time.time() if now is None else now
    try:
        used = _used()
        for name in kept.names():
            if name in used and now - _beaten.get(name, 0.0) >= kept.BEAT:
                kept.beat(name, now)
                _beaten[name] = now
            if kept.gone(name, now):
                delete(name)
    except OSError as error:
        log.warning("own data could not be looked through: %s", error)
    except Exception:
        log.exception("looking through own data failed")


def delete(name: str) -> bool:
    """Take these data out now, and what was made of them; what still ends is taken out by a later sweep. Whether all is gone."""
    with _lock:
        for names in _holders.values():
            names.discard(name)
    _beaten.pop(name, None)
    try:
        done = kept.leave(name, _forget)
    except (OSError, StoreUnavailable) as error:
        log.warning("own data could not be deleted: %s", error)
        return False
    log.info("own data have left" if done else "own data are leaving; something made of them still ends")
    return done


def _forget(job_id: str) -> bool:
    running = engine.current()
    return running is None or running.forget(job_id)


def _used() -> set[str]:
    """Names that open sessions hold; sessions that are closed are forgotten."""
    server = runtime.get_instance() if runtime.exists() else None
    with _lock:
        if server is not None:
            for session_id in [one for one in _holders if not server.is_active_session(one)]:
                del _holders[session_id]
        return set().union(*_holders.values()) if _holders else set()
