"""Reports and answers by mail: into the right case, once, and never in a circle."""

from __future__ import annotations

import re
import smtplib
from dataclasses import replace
from datetime import timedelta

import pytest

from customhouse.accounts.tables import account
from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.tables import disclosure_member
from customhouse.app import App
from customhouse.index.disclosing.links import reply_address
from customhouse.index.sweep import sweep
from customhouse.infra.mail_listener import mail_listener
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, TooMany
from customhouse.work import mail_desk, run_due_job, run_followers
from disclosing import ADDRESS
from letters_in import letter
from mail_sink import MailSink, text_of
from packages import wheel
from servers import free_port
from world import World


def with_mail(world: World, sink: MailSink | None = None) -> App:
    """The same index with an address for reports, and a mail server if one is given."""
    update: dict[str, object] = {"security_address": ADDRESS}
    if sink is not None:
        update |= {"smtp_host": "127.0.0.1", "smtp_port": sink.port, "mail_from": "index@index.test"}
    world.app = replace(world.app, settings=world.app.settings.model_copy(update=update))
    return world.app


def only_case(app: App) -> Case:
    with app.database.read() as sql:
        [case] = queries.open_cases(sql)
    return case


def said(app: App) -> list[str]:
    with app.database.read() as sql:
        return [one.text for one in queries.messages_of(sql, only_case(app).id)]


def settle(app: App) -> None:
    while run_followers(app) or run_due_job(app):
        pass


def test_a_letter_becomes_a_case_once(world: World) -> None:
    app = with_mail(world)
    assert world.upload(wheel()).status == 200
    message = letter()
    message.add_attachment(b"evil", maintype="application", subtype="x-tar", filename="x.tar")
    raw = message.as_bytes()
    desk = mail_desk(app)
    assert desk.take(raw, sender="rita@example.org", recipients=["security+demo@index.test"]) == "report"
    assert desk.take(b"Received: from elsewhere\r\n" + raw, recipients=[ADDRESS]) == "known"
    case = only_case(app)
    assert (case.title, case.state) == ("It leaks", "received")
    assert case.project_id is not None
    with app.database.read() as sql:
        [reporter] = [one for one in queries.members_of(sql, case.id) if one.role == "reporter"]
        [first] = queries.messages_of(sql, case.id)
    assert (reporter.email, reporter.name, reporter.by_mail) == ("rita@example.org", "Rita", True)
    assert [one.filename for one in first.attachments] == ["x.tar"]
    sweep(app.deeds, app.blobs, grace=timedelta(days=-36500))
    assert app.blobs.locate(Digest(first.attachments[0].digest)) is not None, "a message needs it"


def test_answers_find_their_case_by_the_address_or_by_what_they_answer(small_world: World, sink: MailSink) -> None:
    sink.clear()
    small_world.operator()
    app = with_mail(small_world, sink)
    desk = mail_desk(app)
    desk.take(letter().as_bytes(), recipients=[ADDRESS])
    settle(app)
    [ours] = sink.letters_to("rita@example.org")
    reply_to, our_id = str(ours["Reply-To"]), str(ours["Message-ID"])
    assert re.fullmatch(r"security\+r[0-9]+-[a-z2-7]{24}@index\.test", reply_to)
    assert ours["Auto-Submitted"] == "auto-generated"
    assert "leaks" not in str(ours["Subject"])
    link = re.search(r"http\S+/security/case/\S+/", text_of(ours))
    assert link is not None
    quoting = letter(
        f"Here is more.\n> {link[0]}\n> {reply_to}", Message_ID="<two@example.org>", From="r@other.example"
    )
    assert desk.take(quoting.as_bytes(), recipients=[reply_to.upper()]) == "said"
    assert "Here is more." in said(app)[-1]
    assert link[0] not in said(app)[-1], "what opens the case for her alone is not shown to all"
    answering = letter("By the thread.", Message_ID="<three@example.org>", In_Reply_To=our_id)
    assert desk.take(answering.as_bytes(), recipients=[ADDRESS]) == "said"
    # Somebody who knows the id of the letter and not the address it went to begins a case of his own.
    stranger = letter("Let me in.", Message_ID="<four@x.example>", References=our_id, From="mallory@x.example")
    assert desk.take(stranger.as_bytes(), recipients=[ADDRESS]) == "report"
    with app.database.read() as sql:
        assert len(queries.open_cases(sql)) == 2


def test_nobody_writes_into_the_mailbox_of_another_by_reporting_in_his_name(small_world: World, sink: MailSink) -> None:
    small_world.operator()
    app = with_mail(small_world, sink)
    sink.clear()
    raw = letter("Buy it.", From="You have won: http://evil.example <victim@example.org>", Subject="You have won")
    assert mail_desk(app).take(raw.as_bytes(), recipients=[ADDRESS]) == "report"
    settle(app)
    [one] = sink.letters_to("victim@example.org")
    assert not re.search(r"evil|won|Buy", f"{one['Subject']} {one['To']} {text_of(one)}")


def test_what_those_who_work_on_it_say_reaches_the_reporter_by_mail(small_world: World, sink: MailSink) -> None:
    olga = small_world.operator()
    app = with_mail(small_world, sink)
    mail_desk(app).take(letter().as_bytes(), recipients=[ADDRESS])
    settle(app)
    sink.clear()
    here = f"/security/cases/{only_case(app).public_id}/"
    olga.get(here)
    olga.post(f"{here}say/", text="Which version?\nAnd on which system?")
    olga.post(f"{here}say/", text="I do not believe it.", audience="handlers")
    settle(app)
    [one] = sink.letters_to("rita@example.org")
    assert "> Which version?" in text_of(one)
    assert "believe" not in text_of(one)


def test_nothing_automatic_is_ever_answered(small_world: World, sink: MailSink) -> None:
    small_world.operator()
    app = with_mail(small_world, sink)
    sink.clear()
    desk = mail_desk(app)
    assert desk.take(letter(Auto_Submitted="auto-replied").as_bytes(), recipients=[ADDRESS]) == "ignored"
    assert desk.take(letter().as_bytes(), sender="", recipients=[ADDRESS]) == "ignored"
    with app.database.read() as sql:
        assert queries.open_cases(sql) == []
    settle(app)
    assert sink.messages == []


def test_dead_and_false_addresses_are_refused(small_world: World) -> None:
    small_world.operator()
    app = with_mail(small_world)
    desk = mail_desk(app)
    for address, code in ((f"security+r1-{'a' * 24}@index.test", "dead-address"), ("other@index.test", "not-for-us")):
        with pytest.raises(Refused) as refused:
            desk.take(letter().as_bytes(), recipients=[address])
        assert refused.value.code == code
    with pytest.raises(Refused, match="From"):
        desk.take(letter(From="undisclosed").as_bytes(), recipients=[ADDRESS])
    for number in range(20):
        desk.take(letter(Message_ID=f"<{number}@x>").as_bytes(), recipients=[ADDRESS])
    with pytest.raises(TooMany):
        desk.take(letter(Message_ID="<more@x>").as_bytes(), recipients=[ADDRESS])


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_mail_server_hands_letters_over(small_world: World, protocol: str) -> None:
    app = with_mail(small_world)
    desk, port = mail_desk(app), free_port()

    def deliver(raw: bytes, sender: str, recipients: object) -> None:
        desk.take(raw, sender=sender, recipients=list(recipients))  # type: ignore[call-overload]

    with mail_listener(protocol, "127.0.0.1", port, desk.is_ours, deliver):
        kind = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
        with kind("127.0.0.1", port) as client:
            client.sendmail("rita@example.org", [ADDRESS], letter().as_bytes())
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("rita@example.org", ["alice@index.test"], letter().as_bytes())
            with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)):
                client.sendmail(
                    "rita@example.org", [f"security+r9-{'a' * 24}@index.test"], letter(Message_ID="<x@y>").as_bytes()
                )
            # The standard library's LMTP reads one answer however many recipients there are.
            both = [ADDRESS, "security+demo@index.test"][: 1 if protocol == "lmtp" else 2]
            client.sendmail("rita@example.org", both, letter(Subject="B").as_bytes())
    with app.database.read() as sql:
        assert [case.title for case in queries.open_cases(sql)] == ["It leaks", "B"]


def test_neither_who_is_frozen_nor_who_has_left_takes_part_by_mail(small_world: World, sink: MailSink) -> None:
    olga = small_world.operator()
    app = with_mail(small_world, sink)
    mail_desk(app).take(letter().as_bytes(), recipients=[ADDRESS])
    case = only_case(app)
    with app.database.write() as sql:
        [reporter, olgas] = queries.members_of(sql, case.id)
        sql.execute(account.update().where(account.c.id == olgas.account_id).values(frozen_at=app.clock.now()))
    hers = letter("Publish it.", Message_ID="<nine@example.org>", From="olga@index.test").as_bytes()
    with pytest.raises(Refused, match="belongs to nobody"):
        mail_desk(app).take(hers, recipients=[reply_address(app.key, olgas, ADDRESS)])
    with app.database.write() as sql:
        sql.execute(account.update().where(account.c.id == olgas.account_id).values(frozen_at=None))
    here = f"/security/cases/{case.public_id}/"
    olga.get(here)
    settle(app)
    sink.clear()
    olga.post(f"{here}say/", text="Line three leaks.")
    with app.database.write() as sql:
        left = {"left_at": app.clock.now()}
        sql.execute(disclosure_member.update().where(disclosure_member.c.id == reporter.id).values(**left))
    settle(app)
    assert not any("Line three" in text_of(one) for one in sink.letters_to("rita@example.org"))
