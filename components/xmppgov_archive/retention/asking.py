"""`xmppgov archive retention hold|release|erase|due`: asked of the archive through an account."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from xmppgov_archive.officers.account import AccountSection, connected, needed, through_account
from xmppgov_archive.officers.asking import TextOption, asked, say
from xmppgov_archive.officers.model import NODES
from xmppgov_archive.retention.tables import show_due

PurposeOption = Annotated[str, typer.Option(help="The label of a purpose.")]
CaseOption = Annotated[str, typer.Option(help="The case number.")]
Names = list[str] | None


@through_account
def hold(
    account: AccountSection | None,
    name: Annotated[str, typer.Argument(help="The hold's name: letters, digits, hyphens.")],
    until: Annotated[str, typer.Option(help="Its last day, YYYY-MM-DD.")],
    case: CaseOption,
    purpose: PurposeOption = "judicial",
    person: Annotated[Names, typer.Option(help="An address of this month, a pseudonym.")] = None,
    room: Annotated[Names, typer.Option(help="A room's address, or its pseudonym.")] = None,
    unit: Annotated[Names, typer.Option(help="A unit's id, or its pseudonym.")] = None,
    class_: Annotated[Names, typer.Option("--class", help="A class of records.")] = None,
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD (UTC).")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day.")] = "",
) -> None:
    """Keep records from erasure, at once; what is not said does not limit it."""
    form = {
        **{"hold": [name], "until": [until], "case": [case], "purpose": [purpose]},
        **{"people": person or [], "rooms": room or [], "units": unit or []},
        **{"classes": class_ or [], "first": [first], "last": [last]},
    }
    asked(needed(account), "hold", {field: said for field, said in form.items() if any(said)})


@through_account
def release(
    account: AccountSection | None,
    name: Annotated[str, typer.Argument(help="The hold's name.")],
    case: CaseOption,
    purpose: PurposeOption = "hold-ended",
    out: TextOption = None,
) -> None:
    """Ask for the end of a hold, which two officers approve."""
    form = {"hold": [name], "case": [case], "purpose": [purpose]}
    asked(needed(account), "release", form, out)


@through_account
def erase(
    account: AccountSection | None,
    month: Annotated[list[str], typer.Option(help="A month, YYYY-MM; may be repeated.")],
    visa: Annotated[str, typer.Option(help="The visa's number, or the table de gestion's.")],
    case: CaseOption,
    class_: Annotated[str, typer.Option("--class", help="The class of records.")] = "messages",
    purpose: PurposeOption = "retention",
    out: TextOption = None,
) -> None:
    """Ask for the erasure of months whose time is over, which two officers approve."""
    form = {"class": [class_], "months": month, "visa": [visa]}
    asked(needed(account), "erase", {**form, "case": [case], "purpose": [purpose]}, out)


@through_account
def due(account: AccountSection | None) -> None:
    """Show what may be erased, as the running archive sees it."""
    reply = connected(needed(account), lambda client: client.run(NODES + "preview"))
    show_due(Console(), reply.rows)
    say(reply.note)
