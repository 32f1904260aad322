"""Unknown parameters: every operation refuses them, here, and names the known one that is nearest.

A misspelt filter that is passed over gives figures of something else, with 200. So a query parameter that the
operation does not take is a fault, as is one that is given twice where one is meant, and a field of an
uploaded form that nobody reads. A request without any such costs nothing more.

Who may ask is settled first, and everything else that is wrong is said in the same answer: a request with
such a fault goes the whole way to the operation, which is then not called.

Two kinds of addresses take what they do not know, and are made of other routes: the pages for people (`web`),
whose links messengers lengthen with parameters of their own (`fbclid`, `utm_source`, `zarsrc`), and the way
back from the provider of single sign-on (RFC 6749, 4.1.2: "The client MUST ignore unrecognized response
parameters").
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import File
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.core.errors import MAX_FAULTS, Problem
from app.core.faults import Fault, pointer, unknown_field
from app.core.invalid import problem_of_request
from app.core.openapi import problems
from app.core.problems import InvalidRequest

OF_WHAT_IS_ASKED = {404, 409, 410, 422}
"""Statuses of problems that may come of the very misspelling; who may not ask hears that alone."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route that refuses what it does not know; `APIRouter(route_class=StrictRoute)`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        documented = dict(given.pop("responses", None) or {})
        for status, answer in problems(InvalidRequest).items():
            documented.setdefault(status, answer)
        super().__init__(path, endpoint, responses=documented, **given)

    def get_route_handler(self) -> Handler:
        """The handler FastAPI asks for once a route."""
        return _strict(super().get_route_handler(), self)


def _strict(standard: Handler, route: StrictRoute) -> Handler:
    known = dict(_query_of(route.dependant))
    uploaded = _form_of(route.dependant)
    # It does all that comes before the operation, and no more.
    stopped = copy(route)
    stopped.dependant = replace(route.dependant, call=_stop)
    stop = APIRoute.get_route_handler(stopped)

    async def handle(request: Request) -> Response:
        faults = _query_faults(request, known) if request.scope["query_string"] else []
        if uploaded and request.headers.get("content-type", "").startswith("multipart/form-data"):
            sent = await _sent(request)
            faults += [unknown_field(uploaded, name) for name in sent if name not in uploaded]
        if not faults:
            return await standard(request)
        del faults[MAX_FAULTS:]
        try:
            return await stop(request)
        except RequestValidationError as error:
            raise problem_of_request(request, error, faults) from error
        except Problem as problem:
            if problem.status not in OF_WHAT_IS_ASKED:
                raise
            raise InvalidRequest(faults=[*faults, *problem.faults]) from problem

    return handle


async def _sent(request: Request) -> Iterable[str]:
    """The fields of an upload, which the request keeps for FastAPI; the unreadable is refused as there."""
    try:
        return dict.fromkeys(await request.form())
    except (ClientDisconnect, ValueError) as error:
        raise HTTPException(400) from error


async def _stop(**_: object) -> None:
    raise InvalidRequest


def _query_faults(request: Request, known: dict[str, bool]) -> list[Fault]:
    """Unknown names, and those given twice; once each, however often they stand there."""
    names = [name for name, _ in request.query_params.multi_items()]
    unknown = list(dict.fromkeys(name for name in names if name not in known))[:MAX_FAULTS]
    twice = [name for name, many in known.items() if not many and names.count(name) > 1]
    return [unknown_field(known, name) for name in unknown] + [
        Fault(pointer(name), "repeated_parameter") for name in twice
    ]


def _query_of(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Each query parameter of an operation and of what it depends on, and whether it may be given twice."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, inner in kind.model_fields.items():
                yield inner.alias or name, _takes_many(inner.annotation)
        else:
            yield field.alias, _takes_many(kind)
    for below in dependant.dependencies:
        yield from _query_of(below)


def _takes_many(kind: Any) -> bool:
    return get_origin(kind) in {list, set, tuple, Sequence} or any(map(_takes_many, get_args(kind)))


def _form_of(dependant: Dependant) -> list[str]:
    """The fields of a form with a file; none for every other body."""
    fields = dependant.body_params
    uploads = any(isinstance(field.field_info, File) for field in fields)
    return [field.alias for field in fields] if uploads else []
