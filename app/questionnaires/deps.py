"""How routes come by the published questionnaires of this process."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.questionnaires.published import PublishedQuestionnaires


async def get_questionnaires(request: Request) -> PublishedQuestionnaires:
    """The published questionnaires, kept at hand."""
    questionnaires: PublishedQuestionnaires = request.app.state.questionnaires
    return questionnaires


Questionnaires = Annotated[PublishedQuestionnaires, Depends(get_questionnaires)]


async def _forget(code: str, questionnaires: Questionnaires) -> AsyncIterator[None]:
    yield
    questionnaires.forget(code)


forget_after_commit = Depends(_forget, scope="function")
"""In a route's `dependencies`: entered before the session and so left after its commit, it makes this process
see the change at once; others see it within seconds."""
