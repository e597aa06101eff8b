# SPDX-License-Identifier: Apache-2.0
"""nats-py between two clusters: messages in order, headers, answers that are quicker than the interest in them, queue
groups with members in both.

usage: across.py NEAR_URL FAR_URL

Prints `PASS <scenario>` for each, or `FAIL <scenario>: <why>` and ends.
"""

import asyncio
import sys

from scenarios import WAIT_S, NoRespondersError, check, connect, settle, subscribe

import nats.errors

MESSAGES = 1000
CLIENTS = 50
REQUESTS = 3


async def meet(subscriber, publisher, probe):
    """Returns when what was subscribed at one end before is known at the other."""
    subscription = await subscribe(subscriber, probe)
    for _ in range(500):
        await publisher.publish(probe, b"")
        await publisher.flush()
        try:
            await subscription.next_msg(0.02)
            break
        except nats.errors.TimeoutError:
            pass
    else:
        check(False, "the interest does not arrive")
    await subscription.unsubscribe()


async def order(near, far, _):
    for number, (source, target) in enumerate(((near, far), (far, near))):
        subscription = await subscribe(target, "py.plain")
        await meet(target, source, f"py.probe.plain.{number}")
        for i in range(MESSAGES):
            await source.publish("py.plain", str(i).encode())
        for i in range(MESSAGES):
            check((await subscription.next_msg(WAIT_S)).data == str(i).encode(), "messages in order")
        await subscription.unsubscribe()
        await settle(target)


async def headers(near, far, _):
    subscription = await subscribe(far, "py.headers")
    await meet(far, near, "py.probe.headers")
    await near.publish("py.headers", b"body", headers={"Key": "one", "Other": "two"})
    message = await subscription.next_msg(WAIT_S)
    check(message.headers == {"Key": "one", "Other": "two"}, f"headers {message.headers}")
    check(message.data == b"body", "body")


async def request_reply(near, far, near_url):
    """Each request comes from a connection of its own, whose inbox the other cluster cannot know yet."""

    async def answer(request):
        await request.respond(request.data)

    await subscribe(far, "py.echo", cb=answer)
    await meet(far, near, "py.probe.echo")
    for i in range(CLIENTS):
        client = await connect(near_url)
        for j in range(REQUESTS):
            text = str(10 * i + j).encode()
            check((await client.request("py.echo", text, timeout=WAIT_S)).data == text, "reply")
        await client.close()


async def queue_group(near, far, _):
    here = await subscribe(near, "py.queue", queue="group")
    there = await subscribe(far, "py.queue", queue="group")
    await meet(far, near, "py.probe.queue")
    for _ in range(MESSAGES):
        await near.publish("py.queue", b"")
    for _ in range(MESSAGES):
        await here.next_msg(WAIT_S)
    await settle(near)
    check(here.pending_msgs == 0, "each message once")
    check(there.pending_msgs == 0, "the own cluster comes first")
    await here.unsubscribe()
    await settle(near)
    for i in range(MESSAGES):
        await near.publish("py.queue", str(i).encode())
    for i in range(MESSAGES):
        check((await there.next_msg(WAIT_S)).data == str(i).encode(), "the other cluster, in order")
    await meet(far, near, "py.probe.end")
    check(there.pending_msgs == 0, "each message once")


async def no_responders(near, _far, _):
    try:
        await near.request("py.nobody", b"", timeout=WAIT_S)
        check(False, "somebody answered")
    except NoRespondersError:
        pass


async def main(near_url, far_url):
    near, far = await connect(near_url), await connect(far_url)
    for scenario in (order, headers, request_reply, queue_group, no_responders):
        try:
            await asyncio.wait_for(scenario(near, far, near_url), 3 * WAIT_S)
            print(f"PASS {scenario.__name__}", flush=True)
        except Exception as error:  # any failure is a result of the scenario, whatever its type
            print(f"FAIL {scenario.__name__}: {type(error).__name__}: {error}", flush=True)
            return 1
    await near.close()
    await far.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:3])))
