# SPDX-License-Identifier: Apache-2.0
"""Scenarios for nats-py against a running server; ../README.md has the list.

usage: scenarios.py URL
"""

import asyncio
import os
import ssl
import sys

import nats
from nats.errors import NoRespondersError

WAIT_S = 10
LARGE_PAYLOAD = 1 << 20


def check(good, what):
    if not good:
        raise AssertionError(what)


async def quiet(error):
    """Errors of the restart are expected; the library would print each with its traceback."""


def tls_options():
    if "NATS_CA" not in os.environ:
        return {}
    context = ssl.create_default_context(cafile=os.environ["NATS_CA"])
    if "NATS_CERT" in os.environ:
        context.load_cert_chain(os.environ["NATS_CERT"], os.environ["NATS_KEY"])
    return {"tls": context}


def login_options():
    names = {
        "NATS_CREDS": "user_credentials",
        "NATS_SEED": "nkeys_seed",
        "NATS_USER": "user",
        "NATS_PASS": "password",
        "NATS_TOKEN": "token",
    }
    return {names[name]: os.environ[name] for name in names if name in os.environ}


async def connect(url, **options):
    options |= tls_options() | login_options()
    return await nats.connect(
        url, reconnect_time_wait=0.02, max_reconnect_attempts=500, error_cb=quiet, **options
    )


async def settle(connection):
    """Returns when the server has handled everything sent so far.

    flush() does not promise that: nats-py writes its PING ahead of what is still pending.
    """
    try:
        await connection.request("py.settle", timeout=WAIT_S)
    except NoRespondersError:
        pass


async def subscribe(connection, subject, **options):
    subscription = await connection.subscribe(subject, **options)
    await settle(connection)
    return subscription


async def connects(url):
    connection = await connect(url)
    check(connection.is_connected, "connected")
    check(connection.max_payload == LARGE_PAYLOAD, "max_payload of INFO")
    await connection.close()


async def publish_subscribe(url):
    sender, receiver = await connect(url), await connect(url)
    subscription = await subscribe(receiver, "py.plain")
    for number in range(1000):
        await sender.publish("py.plain", str(number).encode())
    for number in range(1000):
        message = await subscription.next_msg(WAIT_S)
        check(message.data == str(number).encode(), "messages in order")
    await sender.close()
    await receiver.close()


async def wildcard(url):
    connection = await connect(url)
    star = await subscribe(connection, "py.wild.*.end")
    rest = await subscribe(connection, "py.wild.>")
    await connection.publish("py.wild.a.b", b"1")
    await connection.publish("py.wild.a.end", b"2")
    check((await star.next_msg(WAIT_S)).data == b"2", "star")
    check((await rest.next_msg(WAIT_S)).data == b"1", "rest, first")
    check((await rest.next_msg(WAIT_S)).data == b"2", "rest, second")
    await connection.close()


async def queue_group(url):
    messages = 300
    sender, receiver = await connect(url), await connect(url)
    members = [await subscribe(receiver, "py.queue", queue="group") for _ in range(3)]
    for _ in range(messages):
        await sender.publish("py.queue", b"x")
    await settle(sender)
    await settle(receiver)
    shares = [member.pending_msgs for member in members]
    check(all(shares), f"every member gets a share: {shares}")
    check(sum(shares) == messages, f"each message goes to one member: {shares}")
    await sender.close()
    await receiver.close()


async def request_reply(url):
    server, client = await connect(url), await connect(url)

    async def answer(request):
        await request.respond(request.data)

    await subscribe(server, "py.echo", cb=answer)
    for number in range(100):
        text = str(number).encode()
        check((await client.request("py.echo", text, timeout=WAIT_S)).data == text, "reply")
    await server.close()
    await client.close()


async def headers(url):
    # nats-py keeps one value per key.
    connection = await connect(url)
    subscription = await subscribe(connection, "py.headers")
    await connection.publish("py.headers", b"body", headers={"Key": "one", "Other": "two"})
    message = await subscription.next_msg(WAIT_S)
    check(message.headers == {"Key": "one", "Other": "two"}, f"headers {message.headers}")
    check(message.data == b"body", "body")
    await connection.close()


async def no_responders(url):
    connection = await connect(url)
    try:
        await connection.request("py.nobody", b"x", timeout=WAIT_S)
        check(False, "somebody answered")
    except NoRespondersError:
        pass
    await connection.close()


async def drain(url):
    messages = 1000
    count = 0
    closed = asyncio.Event()

    async def counted(_):
        nonlocal count
        count += 1

    async def on_close():
        closed.set()

    sender = await connect(url)
    receiver = await connect(url, closed_cb=on_close)
    await subscribe(receiver, "py.drain", cb=counted)
    for _ in range(messages):
        await sender.publish("py.drain", b"x")
    await settle(sender)
    await receiver.drain()
    await asyncio.wait_for(closed.wait(), WAIT_S)
    check(count == messages, f"nothing is lost: {count} of {messages}")
    await sender.close()


async def large_payload(url):
    connection = await connect(url)
    subscription = await subscribe(connection, "py.large")
    payload = bytes(number * 7 & 255 for number in range(LARGE_PAYLOAD))
    await connection.publish("py.large", payload)
    check((await subscription.next_msg(WAIT_S)).data == payload, "payload unchanged")
    await connection.close()


async def reconnect(url):
    reconnected = asyncio.Event()

    async def on_reconnect():
        reconnected.set()

    connection = await connect(url, reconnected_cb=on_reconnect)
    subscription = await subscribe(connection, "py.again")
    print("RESTART", flush=True)
    await asyncio.wait_for(reconnected.wait(), WAIT_S)
    await connection.publish("py.again", b"x")
    check((await subscription.next_msg(WAIT_S)).data == b"x", "the subscription lives on")
    await connection.close()


SCENARIOS = {
    "connect": connects,
    "publish_subscribe": publish_subscribe,
    "wildcard": wildcard,
    "queue_group": queue_group,
    "request_reply": request_reply,
    "headers": headers,
    "no_responders": no_responders,
    "drain": drain,
    "large_payload": large_payload,
    "reconnect": reconnect,
}


async def main(url):
    code = 0
    for name, scenario in SCENARIOS.items():
        try:
            await asyncio.wait_for(scenario(url), 3 * WAIT_S)
            print(f"PASS {name}", flush=True)
        except Exception as error:  # any failure is a result of the scenario, whatever its type
            code = 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
