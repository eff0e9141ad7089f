"""Many clients at once, a thread for each."""

import contextlib
import threading


def at_once(number, one):
    """Runs one(number, barrier) in so many threads; what went wrong, or None. The barrier lets them
    go on when all have their connection."""
    barrier, wrong = threading.Barrier(number, timeout=100), []

    def guarded(i):
        try:
            text = one(i, barrier)
        except Exception as e:
            barrier.abort()
            text = "connection %d: %s: %s" % (i, type(e).__name__, e)
        if text:
            wrong.append(text)
    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    unfinished = sum(thread.is_alive() for thread in threads)
    if unfinished:
        wrong.append("%d connections are not finished after 120 s" % unfinished)
    real = [w for w in wrong if "BrokenBarrier" not in w] or wrong
    return "%d went wrong, for example:\n%s" % (len(wrong), "\n".join(real[:3])) if wrong else None


@contextlib.contextmanager
def together(function, *args):
    """Runs function(*args) in a thread beside the body; what it raises is raised after it."""
    raised = []

    def guarded():
        try:
            function(*args)
        except Exception as e:
            raised.append(e)
    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield
    thread.join()
    if raised:
        raise raised[0]
