"""Celery and Ray, the real ones: a task goes on in the trace of whoever sent it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import programs, stored
from support.spans import Spans, attributes, tree

ABOUT = ("celery", "ray")


@pytest.mark.skipif(not find_spec("celery"), reason="celery is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("fails", [False, True])
def test_a_celery_task_hangs_below_the_span_that_sent_it(fails: bool, start_tracing: Callable[..., Spans]) -> None:
    import celery
    from celery.contrib.testing.worker import start_worker

    import genba

    spans = start_tracing(carry_context=["celery"])
    app = celery.Celery("demo", broker="memory://", backend="cache+memory://")

    @app.task(name=f"work-{fails}")
    def work(number: int) -> float:
        with genba.tool("divide"):
            return 1 / number

    with (
        start_worker(app, perform_ping_check=False, pool="solo"),
        spans.app.start_as_current_span("caller"),
        genba.conversation(id="c-1"),
    ):
        sent = work.delay(0 if fails else 2)
        if fails:
            with pytest.raises(ZeroDivisionError):
                sent.get(timeout=20)
        else:
            assert sent.get(timeout=20) == 0.5
    assert tree(spans) == ["caller", "  execute_tool divide"]
    assert attributes(spans.only())["gen_ai.conversation.id"] == "c-1"


@pytest.mark.skipif(not find_spec("ray"), reason="ray is not installed")
def test_a_remote_function_of_ray_hangs_below_the_span_that_called_it(tmp_path: Path) -> None:
    ran = programs.run(
        "import genba, ray, logging\n"
        f"genba.init(store={str(tmp_path / 's.db')!r}, carry_context=['ray'])\n"
        "ray.init(num_cpus=1, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)\n"
        "@ray.remote\n"
        "def work(number, *, factor=2):\n"
        "    with genba.tool('double'):\n"
        "        return factor * number\n"
        "@ray.remote\n"
        "def any(*args, **kwargs):\n"
        "    return args, kwargs\n"
        "with genba.agent('caller'), genba.conversation(id='c-1'):\n"
        "    assert ray.get(work.remote(2)) == 4\n"
        "    assert ray.get(work.options(num_cpus=0).remote(2, factor=3)) == 6\n"
        "    assert ray.get(any.remote(1, a=2)) == ((1,), {'a': 2})\n"
        "ray.shutdown()\n",
        folder=tmp_path,
        limit=120,
        RAY_DEDUP_LOGS="0",
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    )
    assert ran.code == 0
    assert stored.tree(tmp_path / "s.db") == [*[("execute_tool double", "invoke_agent caller")] * 2, ("invoke_agent caller", None)]
    assert stored.conversations(tmp_path / "s.db", "execute_tool double") == {"c-1"}
