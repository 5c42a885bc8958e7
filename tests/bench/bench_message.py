"""What a message costs: building it, and signing it, beside what pip gives. Prints JSON; median of 3.

python tests/bench/bench_message.py
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import dkim
import jinja2
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

sys.path.insert(0, str(Path(__file__).parents[1]))

from herold.message.compose import Composed, Composer, Recipient, wire
from herold.message.dkim import DkimKey, DkimSigner
from message.letters import composer, contents, declared, recipient

LINE = "<mj-text>Dear {{ contact.first_name }}, people in {{ contact.city }} save this week.</mj-text>"
MJML = f"""<mjml><mj-head><mj-attributes><mj-all padding="0"/></mj-attributes></mj-head><mj-body><mj-section><mj-column>
{LINE}<mj-button href="https://shop.example/o?who={{{{ contact.note }}}}">Offers</mj-button>
<mj-text>Until Sunday, in all our shops.</mj-text>
<mj-text><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>"""
TEXT = (
    "Dear {{ contact.first_name }},\n\npeople in {{ contact.city }} save this week.\n"
    + "Until Sunday, in all our shops, and at https://shop.example/offers too.\n" * 8
    + "{{ unsubscribe_url }}\n"
)
PLAIN = TEXT * 7
POLISH = TEXT.replace("Until Sunday, in all our shops", "Do niedzieli, we wszystkich naszych sklepach, także w Łodzi")
DEFAULTS = [{"name": name, "default": ""} for name in ("first_name", "city", "note")]
PEOPLE = [recipient(None, n, first_name=f"Ann{n}", city="Newcastle", note=f"n{n}") for n in range(2_000)]


def microseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of one call, the median of 3 rounds."""
    rounds = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - began) / times * 1e6)
    return round(statistics.median(rounds), 2)


def per_message(write: Callable[[Recipient], object]) -> float:
    def all_of_them() -> None:
        for person in PEOPLE:
            write(person)

    return round(microseconds(all_of_them, 1) / len(PEOPLE), 2)


def render_only(letters: Composer) -> Callable[[Recipient], object]:
    content = letters.template.content(None)
    url = letters.unsubscribe_url(0)
    return lambda person: content.render(person.attributes, url)


def by_email_message(letters: Composer) -> Callable[[Recipient], object]:
    """The same message by jinja2 and the standard library."""
    environment = jinja2.Environment(autoescape=True)
    rendered = letters.template.content(None).render(
        {name: f"@{name}@" for name in ("first_name", "city", "note")}, "@url@"
    )
    sources = [rendered.text, rendered.html or ""]
    for name in ("first_name", "city", "note", "url"):
        sources = [
            source.replace(f"@{name}@", f"{{{{ {name} }}}}").replace(f"%40{name}%40", f"{{{{ {name} }}}}")
            for source in sources
        ]
    text, page = (environment.from_string(source) for source in sources)

    def write(person: Recipient) -> bytes:
        values = {**person.attributes, "url": letters.unsubscribe_url(person.position)}
        message = EmailMessage()
        message["From"] = "The Shop <news@shop.example>"
        message["To"] = person.address
        message["Subject"] = f"Hello {person.attributes['first_name']}"
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="shop.example")
        message["List-Unsubscribe"] = f"<{values['url']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Feedback-ID"] = "hello-1:campaigns-shop:marketing:shop"
        message.set_content(text.render(values))
        message.add_alternative(page.render(values), subtype="html")
        return message.as_bytes()

    return write


def signatures(signer: DkimSigner, composed: Composed, threads: int, times: int) -> float:
    """Signatures a second of wall clock, the best of 3: other processes take from it, nothing adds to it."""
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            began = time.perf_counter()
            list(pool.map(lambda _: [signer.sign(composed) for _ in range(times)], range(threads)))
            best = max(best, threads * times / (time.perf_counter() - began))
    return round(best)


def main() -> None:
    subject = "Hello {{ contact.first_name }}"
    kinds = {
        "html_and_text": contents(TEXT, subject, mjml=MJML),
        "plain_text": contents(PLAIN, subject),
        "html_and_polish_text": contents(
            POLISH, f"Cześć {subject}", mjml=MJML.replace("Until Sunday", "Do środy, Łódź")
        ),
    }
    figures: dict[str, object] = {"unit": "us of CPU a message, median of 3"}
    for kind, content in kinds.items():
        letters = composer(declared(contents=content, attributeDefaults=DEFAULTS))
        composed = letters.compose(PEOPLE[0])
        build, render = per_message(letters.compose), per_message(render_only(letters))
        figures[kind] = {
            "octets": len(wire(composed)),
            "build": build,
            "of which rendering": render,
            "of which MIME and the rest": round(build - render, 2),
            "dot-stuffing (wire)": microseconds(lambda composed=composed: wire(composed), 5_000),  # type: ignore[misc]
        }
    letters = composer(declared(contents=kinds["html_and_text"], attributeDefaults=DEFAULTS))
    figures["html_and_text by jinja2 and EmailMessage"] = per_message(by_email_message(letters))
    composed = letters.compose(PEOPLE[0])
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    signer = DkimSigner([DkimKey("shop.example", "s1", key)], letters.signed_fields)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    message = composed.head + b"\r\n" + composed.body
    one, two = signatures(signer, composed, 1, 1_000), signatures(signer, composed, 2, 1_000)
    figures["dkim"] = {
        "sign": microseconds(lambda: signer.sign(composed), 500),
        "of which RSA": microseconds(lambda: key.sign(composed.signed, PKCS1v15(), SHA256()), 500),
        "sign by dkimpy": microseconds(
            lambda: dkim.sign(message, b"s1", b"shop.example", pem, canonicalize=(b"relaxed", b"relaxed")), 40
        ),
        "signatures a second, 1 thread": one,
        "signatures a second, 2 threads": two,
        "second thread": round(two / one, 2),
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
