import multiprocessing
import threading
import time

from uvicorn import Config

from app.core.draining import WebProcess
from app.core.nursery import Nursery

PATIENCE = 60.0


def test_the_answer_of_a_process_that_is_killed_meanwhile_is_not_waited_for() -> None:
    process = WebProcess(Config("app.children:web_process"), [], Nursery("app.imported"))
    silent = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(10 * PATIENCE,))
    process.process = silent
    process.start()
    killer = threading.Timer(0.5, silent.kill)
    killer.start()
    begun = time.monotonic()
    assert process.is_alive(timeout=PATIENCE) is False
    assert time.monotonic() - begun < PATIENCE
    killer.join()
    silent.join()
