"""Client libraries nobody here wrote hold thirty exchanges with the stand-in, straight and through the gateway.

Marked `clients`: each needs an environment of its own. They run two at a time, in the order they are asked for.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import run


@pytest.fixture(scope="module")
def talks(request: pytest.FixtureRequest) -> Generator[dict[str, Future[run.Talks]]]:
    """What came of each client that was selected; nobody has to wait for those behind it."""
    named = [(item, getattr(item, "callspec", None)) for item in request.session.items]
    names = [spec.params["name"] for item, spec in named if spec is not None and item.path == request.path]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run.both, name) for name in names}
        pool.shutdown(cancel_futures=True)


@pytest.mark.clients
@pytest.mark.parametrize("name", list(run.versions()))
def test_an_unmodified_client_talks_through_the_gateway_as_it_talks_to_the_service(
    name: str, talks: dict[str, Future[run.Talks]]
) -> None:
    run.check(talks[name].result())


@pytest.mark.clients
def test_a_memory_that_forgets_is_found_out() -> None:
    """What was said in the first exchanges is known in the last ones because of the summaries, and not otherwise."""
    with pytest.raises(AssertionError, match="I don't know of anything you asked me to remember"):
        run.through_gateway("openai", memory="last:5")
