# SPDX-License-Identifier: Apache-2.0
"""What a connection received, as frames in which only that is left which must not differ.

Taken out: what names a server, a version or a connection, random subjects, and the order in which the
subscriptions of one connection get one and the same message (the protocol does not fix it).
"""

import json
import re

HEAD = re.compile(rb"(?:MSG (\S+) (\S+) (?:(\S+) )?|HMSG (\S+) (\S+) (?:(\S+) )?(\d+) )(\d+)$")
SERVICE_REPLY = re.compile(rb"_R_\.[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*")
INVALID_SUBJECT = b"-ERR 'Invalid Publish Subject'"
RTT = re.compile(rb',"rtt":\d+')
# INFO: what names the server, its version, this connection.
INFO_NAMES = ("server_id", "server_name", "version", "git_commit", "go", "host", "port", "client_id", "nonce")
INFO_NAMES += ("cluster",)


def info(line):
    try:
        fields = json.loads(line[5:])
    except ValueError:
        return b"INFO broken " + line
    # Later versions tell a client who it is, after its first PING.
    if fields.get("connect_info"):
        return None
    shown = {key: ("*" if key in INFO_NAMES else value) for key, value in fields.items()}
    for newer in ("api_lvl", "acc_is_sys", "remote_account", "connect_info", "xkey"):
        shown.pop(newer, None)
    return b"INFO " + json.dumps(shown, sort_keys=True).encode()


def frames(content):
    """Lines, and messages as one frame each with their body."""
    found = []
    at = 0
    while at < len(content):
        end = content.find(b"\r\n", at)
        if end < 0:
            found.append(content[at:])
            break
        line = content[at:end]
        at = end + 2
        head = HEAD.match(line)
        if head:
            size = int(head[8])
            body = content[at : at + size]
            # Leading zeros of a size: the Go server copies the text, ours writes the number.
            names = [head[1], head[2], head[3], head[4], head[5], head[6]]
            sizes = [b"%d" % int(text) for text in (head[7], head[8]) if text]
            words = [b"HMSG" if head[7] else b"MSG"] + [name for name in names if name] + sizes
            found.append((b" ".join(words), body))
            at += size + 2
        elif line.startswith(b"INFO "):
            shown = info(line)
            if shown is not None:
                found.append(shown)
        else:
            found.append(line)
    return found


def no_responders(line, body):
    """Of several subscriptions to the reply any one gets the 503; since 2.12 it names the subject."""
    if not body.startswith(b"NATS/1.0 503\r\n"):
        return line, body
    words = line.split(b" ")
    return b" ".join([*words[:2], b"*", *words[3:-2]]), b"NATS/1.0 503"


def request_info(line, body):
    """What a service is told of the requestor: not the round trip time, which ours knows only after a PING."""
    rtt = RTT.search(body)
    if not rtt:
        return line, body
    words = line.split(b" ")
    words[-2:] = [b"%d" % (int(word) - len(rtt[0])) for word in words[-2:]]
    return b" ".join(words), RTT.sub(b"", body)


def normalised(content):
    """A list of byte strings, one per frame."""
    shown = []
    run = []  # one message for several subscriptions of the connection

    def flush():
        shown.extend(sorted(run))
        run.clear()

    last = None
    for frame in frames(content):
        if isinstance(frame, tuple):
            line, body = request_info(*no_responders(*frame))
            line = SERVICE_REPLY.sub(b"_R_.*", line)
            if body != last:
                flush()
            last = body
            run.append(line + b" | " + body)
            continue
        flush()
        last = None
        # The Go server says it again when the payload comes in a later read than the control line.
        again = frame == INVALID_SUBJECT and shown and shown[-1] == frame
        if frame != b"PONG" and not again:
            shown.append(SERVICE_REPLY.sub(b"_R_.*", frame))
    flush()
    return shown
