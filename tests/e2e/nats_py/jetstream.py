# SPDX-License-Identifier: Apache-2.0
"""JetStream with nats-py, through a server that has none beside others that have it.

usage: jetstream.py URL COUNT

Publishes COUNT messages, reads them by pull, by push and in order, and uses a key-value bucket. Every delivery is
acknowledged and must be the first one. Ends with a line of PASS for each part.
"""

import asyncio
import sys

import nats

WAIT_S = 20
RETRY_S = 0.1
WINDOW = 200
BATCH = 100
KEYS = 50


def check(good, what):
    if not good:
        raise AssertionError(what)


async def acknowledge(message):
    check(message.subject.startswith("orders."), f"the subject of the stream, not {message.subject}")
    check(message.metadata.num_delivered == 1, f"delivery {message.metadata.num_delivered}")
    await message.ack()


async def answered(ask):
    """A leader may be announced before all servers know its subjects; until then a request has no responder."""
    end = asyncio.get_running_loop().time() + WAIT_S
    while True:
        try:
            return await ask()
        except (nats.js.errors.ServiceUnavailableError, nats.js.errors.NoStreamResponseError):
            check(asyncio.get_running_loop().time() < end, "a responder")
            await asyncio.sleep(RETRY_S)


async def publish(stream, count):
    await answered(lambda: stream.publish("orders.0", b"0"))
    for first in range(1, count, WINDOW):
        window = range(first, min(count, first + WINDOW))
        await asyncio.gather(*(stream.publish(f"orders.{i % 7}", str(i).encode()) for i in window))
    print("PASS publish")


async def pull(stream, count):
    subscription = await stream.pull_subscribe("orders.>", "pull")
    done = 0
    while done < count:
        batch = BATCH if done else 1
        for message in await answered(lambda batch=batch: subscription.fetch(batch, timeout=WAIT_S)):
            await acknowledge(message)
            done += 1
    print("PASS pull")


async def push(stream, count):
    subscription = await stream.subscribe("orders.>", durable="push", manual_ack=True)
    for _ in range(count):
        await acknowledge(await subscription.next_msg(timeout=WAIT_S))
    print("PASS push")


async def push_to_queue(stream, count):
    members = [await stream.subscribe("orders.>", queue="group", durable="group", manual_ack=True) for _ in range(2)]
    done = 0

    async def serve(member):
        nonlocal done
        while done < count:
            try:
                await acknowledge(await member.next_msg(timeout=1))
                done += 1
            except nats.errors.TimeoutError:
                pass

    await asyncio.wait_for(asyncio.gather(*map(serve, members)), WAIT_S * 3)
    check(done >= count, f"{done} messages")
    print("PASS queue")


async def in_order(stream, count):
    subscription = await stream.subscribe("orders.>", ordered_consumer=True)
    for i in range(count):
        message = await subscription.next_msg(timeout=WAIT_S)
        check(message.data == str(i).encode(), f"message {i}, not {message.data}")
    print("PASS ordered")


async def key_value(stream):
    bucket = await stream.create_key_value(bucket="bucket", replicas=3)
    watcher = await bucket.watchall()
    await answered(lambda: bucket.put("key0", b"value0"))
    for i in range(1, KEYS):
        await bucket.put(f"key{i}", b"value%d" % i)
    check((await bucket.get("key7")).value == b"value7", "a value")
    wanted = [f"key{i}" for i in range(KEYS)]
    while wanted:
        update = await watcher.updates(timeout=WAIT_S)
        if update is not None:
            check(update.key == wanted.pop(0), f"an update of {update.key}")
    print("PASS key_value")


async def main(url, count):
    connection = await nats.connect(url)
    stream = connection.jetstream(timeout=WAIT_S)
    await stream.account_info()
    await stream.add_stream(name="ORDERS", subjects=["orders.>"], num_replicas=3)
    await publish(stream, count)
    await pull(stream, count)
    await push(stream, count // 10)
    await push_to_queue(stream, count // 10)
    await in_order(stream, count)
    await key_value(stream)
    pulled = await stream.consumer_info("ORDERS", "pull")
    check(not pulled.num_ack_pending and not pulled.num_redelivered, "all acknowledged, none delivered again")
    print("PASS acknowledged")
    await connection.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
