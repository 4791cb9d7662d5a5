"""Tasks by the words a user says: of which domain, and which one is meant where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.kit.errors import NotFoundError
from morningline.wiring.program import domain_named, domains

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.domains.contract import Domain
    from morningline.training.task import Task


def tasks() -> Mapping[str, tuple[Domain, Task]]:
    """Every task of every installed domain, by name."""
    return {task.name: (domain, task) for domain in domains() for task in domain.tasks}


def domain_of_task(name: str) -> Domain:
    """The domain that has a task of that name.

    Raises:
        NotFoundError: No installed domain has it.
    """
    return _found(name)[0]


def task_named(name: str) -> Task:
    """The task of that name; errors as `domain_of_task`."""
    return _found(name)[1]


def task_meant(domain_name: str, name: str | None, model: str | None = None) -> Task:
    """The task of a domain that a user means.

    Args:
        domain_name: The domain.
        name: The task, where one was named.
        model: A model that was named; its id begins with its task.

    Raises:
        NotFoundError: The domain has no task of that name.
    """
    domain = domain_named(domain_name)
    if name is None:
        of_model = (task for task in domain.tasks if model is not None and model.startswith(f"{task.name}-"))
        return next(of_model, domain.task)
    known = {task.name: task for task in domain.tasks}
    if name not in known:
        raise NotFoundError(f"The domain {domain_name!r} has no task {name!r}.", allowed=", ".join(known))
    return known[name]


def _found(name: str) -> tuple[Domain, Task]:
    known = tasks()
    if name not in known:
        raise NotFoundError(f"There is no task {name!r}.", allowed=", ".join(known), do="Install its package.")
    return known[name]
