"""A Ray cluster answers as this process does, to the last bit, whoever of it dies meanwhile."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # workers read the annotations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings

from chance_events import chance_events, differing
from clusters import NODE, lose, needs_ray, two_nodes, wait_until
from every_step import STEPS
from features_by_loops import FIND
from morningline.features import asking, on_ray
from morningline.features.asking import Question, here
from morningline.features.definitions import History
from morningline.features.engine import compute
from morningline.features.listings import FOREVER, Listing, Moments
from morningline.features.on_ray import compact, ray_cluster
from morningline.features.sums import LARGEST
from morningline.kit.errors import ClusterError, InputError
from morningline.wiring.featuring import _engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from morningline.features.asking import Answerer

FEATURES = [step for step in STEPS if isinstance(step, History) and step.key == ("who",) and step.value == "score"][::9]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one processor each, on loopback."""
    # Workers cannot import the questions that are defined here.
    with two_nodes(__name__) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def answer(cluster) -> Iterator[Answerer]:
    with ray_cluster(cluster.address) as answer:
        yield answer
    # We did not start it.
    assert cluster.remaining_processes_alive()


@dataclass(frozen=True)
class Noted(Question):
    """A question that leaves word of who takes it."""

    word: Path

    def answer(self):
        import ray

        with self.word.open("a") as word:
            word.write(f"{os.getpid()} {ray.get_runtime_context().get_node_id()}\n")
        return super().answer()

    def taken(self) -> list[list[str]]:
        """Process and node of each who took it."""
        return [line.split() for line in self.word.read_text().splitlines()] if self.word.exists() else []


class Patient(Noted):
    """A question that is answered only when it is taken for the second time."""

    def answer(self):
        found = super().answer()
        time.sleep(60 if len(self.taken()) == 1 else 0)
        return found


def is_idle() -> bool:
    import ray

    return ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]


def questions(number: int, entrants: int = 500) -> list[Question]:
    """Questions of chance about four times as many rows, of which every second is listed."""
    luck, found = np.random.default_rng(7), []
    for _ in range(number):
        row = np.arange(0, 4 * entrants, 2)
        usable, cutoffs = (Moments.of(luck.integers(0, 10**13, size)) for size in (len(row), entrants))
        order = np.argsort(usable.place)
        listing = Listing(
            luck.integers(0, 50, len(row)), row, Moments(usable.instants, usable.place[order]), row * 0 + FOREVER
        )
        values = {"score": luck.normal(size=4 * entrants).astype(np.float32)}
        found.append(Question(FEATURES, luck.integers(-1, 50, entrants), cutoffs, listing, values))
    return found


def as_bytes(answers: Iterable[list[np.ndarray]]) -> list[list[bytes]]:
    return [[column.tobytes() for column in answer] for answer in answers]


@given(chance_events())
@settings(FIND, max_examples=6)
def test_a_compact_question_has_the_same_answer_and_only_rows_that_it_refers_to(events):
    shipped = []

    def compactly(questions):
        for question in questions:
            shipped.append(compact(question))
            yield shipped[-1].answer()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "ROWS_AT_ONCE", 5)
        assert differing(compute(events, STEPS), compute(events, STEPS, answer=compactly)) == []
    for question in shipped:
        listing = question.listing
        referred = np.unique(np.append(listing.row, listing.row if listing.rival is None else listing.rival))
        assert all(len(values) == len(referred) for values in question.values.values())
        assert len(listing.usable.instants) == len(np.unique(listing.usable.place))
        assert len(question.cutoffs.instants) == len(np.unique(question.cutoffs.place))


@needs_ray
@given(chance_events())
@settings(FIND, max_examples=3)
def test_a_cluster_computes_the_bits_that_this_process_computes(answer, events):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "ROWS_AT_ONCE", 20)
        assert differing(compute(events, STEPS), compute(events, STEPS, answer=answer)) == []


@needs_ray
def test_a_killed_worker_and_a_lost_node_change_no_bit(cluster, answer, tmp_path):
    lost = cluster.add_node(**NODE)
    asked = questions(8)
    patient = [Patient(**vars(question), word=tmp_path / f"{place}") for place, question in enumerate(asked[:3])]
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: as_bytes(answer([*patient, *asked[3:]])))
        wait_until(lambda: all(question.taken() for question in patient))
        lose(cluster, lost)
        workers = {node: int(process) for question in patient for process, node in question.taken()}
        for process in [process for node, process in workers.items() if node != lost.node_id]:
            os.kill(process, signal.SIGKILL)
        assert found.result() == as_bytes(here(asked))
    assert len(workers) == 3
    assert [len(question.taken()) for question in patient] == [2, 2, 2]


@needs_ray
@pytest.mark.proof
def test_an_answer_that_is_lost_with_its_node_is_computed_again(cluster, answer, tmp_path):
    lost = cluster.add_node(**NODE)
    # Too large to be sent with the news that it is there, an answer stays on its node until it is looked at.
    asked = questions(5, 30_000)
    noted = [Noted(**vars(question), word=tmp_path / f"{place}") for place, question in enumerate(asked)]
    answers = iter(answer(noted))
    found = [next(answers)]
    wait_until(lambda: sum(len(question.taken()) for question in noted) >= 3)
    wait_until(is_idle)
    assert any(node == lost.node_id for question in noted[1:3] for _, node in question.taken())
    lose(cluster, lost)
    assert as_bytes([*found, *answers]) == as_bytes(here(asked))
    assert max(len(question.taken()) for question in noted) == 2


@needs_ray
def test_no_more_questions_are_under_way_than_the_cluster_has_processors(answer):
    import ray

    drawn, processors = [], ray.cluster_resources()["CPU"]
    answers = iter(answer(drawn.append(place) or question for place, question in enumerate(questions(9))))
    for taken in range(9):
        next(answers)
        assert len(drawn) <= taken + processors
    assert next(answers, None) is None


@needs_ray
def test_an_error_of_ours_is_raised_here_as_it_was_there(answer):
    asked = questions(1)[0]
    asked.values["score"][::2] = 2 * LARGEST
    with pytest.raises(InputError, match="too large to be added exactly") as caught:
        list(answer([asked]))
    assert type(caught.value) is InputError
    assert caught.value.do == "Give it in a larger unit, or as its logarithm."


@needs_ray
def test_a_node_with_other_code_is_refused_before_any_work_and_with_each_task(cluster, answer, monkeypatch):
    there = on_ray.code()
    monkeypatch.setattr(on_ray, "code", lambda: "morningline 0.0.9")
    with pytest.raises(InputError) as caught, ray_cluster(cluster.address):
        pass
    assert caught.value.message == f"The node 127.0.0.1 would compute with other code: {there}."
    assert caught.value.allowed == "morningline 0.0.9"
    with pytest.raises(InputError, match=f"would compute with other code: {there}"):
        list(answer(questions(1)))


def test_the_code_is_another_with_another_file_program_or_library(monkeypatch):
    def code():
        return on_ray.code.__wrapped__()

    codes = {code()}
    for owner, name, value in (
        (on_ray, "ENGINE", on_ray.ENGINE[1:]),
        (on_ray, "__version__", "0.0.9"),
        (np, "__version__", "1.0"),
        (np, "exp2", lambda values: 2.0 ** np.nextafter(values, 0)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            codes.add(code())
    assert len(codes) == 5
    assert code() in codes


@needs_ray
@pytest.mark.parametrize("address", ["nonsense", "ray://127.0.0.1:10001", "127.0.0.1:"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="no address of a Ray cluster"), ray_cluster(address):
        pass


@needs_ray
def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterError, match=address), ray_cluster():
        pass


def test_without_ray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'pip install "morningline\[ray\]"'), _engine("ray", None):
        pass


ALONE_ON_THIS_MACHINE = """
import psutil
from morningline.features.on_ray import ray_cluster
me = psutil.Process()
with ray_cluster() as answer:
    ours = me.children(recursive=True)
    listening = {c.laddr.ip for p in ours for c in p.net_connections() if c.status == "LISTEN"}
    answers = list(answer([]))
print(*listening)
print(answers, len(ours) > 3)
print(me.children(recursive=True))
"""


@needs_ray
@pytest.mark.proof
def test_without_an_address_a_cluster_is_started_that_only_this_machine_hears_and_that_ends(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        run = subprocess.run(
            [sys.executable, "-c", ALONE_ON_THIS_MACHINE],
            env=environment | {"HOME": str(tmp_path), "RAY_TMPDIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    listening, answers, left = run.stdout.splitlines()
    assert {ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback for ip in listening.split()} == {True}
    assert (answers, left) == ("[] True", "[]")
    assert run.stderr == ""
    # Nor does it leave a key behind.
    assert list(tmp_path.iterdir()) == []
