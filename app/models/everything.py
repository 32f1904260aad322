"""All tables at once: for migrations, which must see every one of them."""

from app.models import (
    account,
    device,
    export,
    job,
    par,
    period,
    questionnaire,
    record,
    reorganisation,
    response,
    rollup,
    sample,
    sign_on,
    subject,
    unit,
    visit,
)
from app.models.base import Base

metadata = Base.metadata
FAMILIES = (
    account,
    device,
    export,
    job,
    par,
    period,
    questionnaire,
    record,
    reorganisation,
    response,
    rollup,
    sample,
    sign_on,
    subject,
    unit,
    visit,
)
