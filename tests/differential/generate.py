# SPDX-License-Identifier: Apache-2.0
"""Draws the operations of a dialogue: mostly right, in every spelling that the protocol allows, some wrong.

A dialogue is a list of steps; a step is one connection's doing, after which all connections are synchronised.
Queue groups have one member, so that who gets a message is determined.
"""

import json
import re

import scenes

ODD_TOKENS = ("", "*", ">", "a*", "*a", ">a", "**", "\u00e9", "\x01", "a\x7f", "'", '"', "%", "A", "$SYS")
ODD_TOKENS += ("_INBOX", "$JS", "_R_", "_GR_", "$JS.ACK")
# After the last member of a CONNECT.
ODD_MEMBERS = (
    *(",", ', "verbose":true', ', "verbose":tru', ',"pedantic":true,"pedantic":false', ',"Verbose":true', ",'a':1"),
    *(',"name":"\\u00e9\\n\\ud800"', ',"name":"\\x"', ',"name":"a\tb"', ',"name":null,"name":"b"'),
    *(',"protocol":1e0', ',"protocol":01', ',"protocol":1.0', ',"protocol":-0', ',"protocol":+1', ',"protocol":1e400'),
)
ODD_JSON = ("{}", "null", "[]", "1", '""', "true", "", "{ }", "nul", "{null}", '{"":1}', '{"a":[[[[]]]]}', "\ufeff{}")
ODD_SIZES = ("-1", "+1", "x", "1x", "0x1", "99", "999999", "2000000", "99999999999", "4294967297", "1.0", "\u0661")
ODD_SIZES += ("18446744073709551617",)
# Wrong, unusual, or not for clients; LONG is a name of many lengths.
ODD_OPERATIONS = (
    *(b"PONG\r\n", b"pong\n", b"PONGxyz\r\n", b"+OK\r\n", b"+ok x\r\n", b"-ERR 'x'\r\n", b"-err\r\n"),
    *(b"INFO {}\r\n", b"INFO {\r\n", b'info{"a":1}\r\n', b"INFO\r\n"),
    *(b"CONNECT {}\r\n", b'CONNECT {"verbose":true}\r\n'),
    *(b"\r\n", b" PONG\r\n", b"\x00", b"\xff\xfe\r\n", b"GET / HTTP/1.0\r\n\r\n"),
    *(b"PUBS a 1\r\n", b"PUB\r\n", b"PUB \r\n", b"PUB a\r\n", b"PUB a 0 \r\n\r\n", b"PUB LONG 1\r\nx\r\n"),
    *(b"PUB a 1\r\nxx\r\n", b"PUB a 1\nx\n", b"PUB a 1\r\nx\n", b"HPUB a 1\r\n"),
    *(b"HPUB LONG 12 12\r\nNATS/1.0\r\n\r\n\r\n",),
    *(b"SUB\r\n", b"SUB a\r\n", b"SUB a b c d\r\n", b"SUB LONG 9\r\n", b"UNSUB\r\n", b"UNSUB \r\n"),
    *(b"MSG a 1 1\r\nx\r\n", b"HMSG a 1 12 12\r\n", b"RS+ a\r\n", b"RMSG a 1\r\nx\r\n", b"LS+ a\r\n", b"A+ b\r\n"),
)
SUBJECT_END = ("", ".", "..", ".*", ".>")
QUIET = {"verbose": False, "pedantic": False}


class Step:
    """Kinds: open, send, answer (to the last request that this connection got), close, reset."""

    def __init__(self, kind, name, pieces=(), split=False):
        self.kind = kind
        self.name = name
        self.pieces = list(pieces)  # operations: (bytes, number of PONGs that they bring)
        self.split = split  # where the bytes are cut into sends: False, or a number to draw from

    def content(self):
        return b"".join(content for content, _ in self.pieces)

    def pongs(self):
        return sum(pongs for _, pongs in self.pieces)

    def with_pieces(self, pieces):
        return Step(self.kind, self.name, pieces, self.split)

    def unsplit(self):
        return Step(self.kind, self.name, self.pieces)

    def __repr__(self):
        what = self.content() if self.pieces else ""
        return f"{self.name}.{self.kind} {what!r}" + (f" split={self.split}" if self.split else "")


class Generator:
    def __init__(self, draw, scene):
        self.draw = draw
        self.scene = scene
        self.count = 0
        self.sids = {}

    def chance(self, part):
        return self.draw.random() < part

    # Words.

    def subject(self, wild):
        draw = self.draw
        text = scenes.subject(draw, wild, scenes.TOKENS + ("m", "to", "p", "x.y"))
        if self.chance(0.08):
            parts = text.split(".")
            parts[draw.randrange(len(parts))] = draw.choice(ODD_TOKENS)
            text = ".".join(parts)
        if self.chance(0.03):
            text += draw.choice(SUBJECT_END)
        if self.chance(0.01):
            text = ".".join(["a"] * draw.choice((20, 40)))
        return text or "."

    def blank(self):
        return self.draw.choice((" ",) * 12 + ("  ", "\t", " \t "))

    def verb(self, text):
        if self.chance(0.85):
            return text
        return "".join(self.draw.choice((letter.lower(), letter.upper())) for letter in text)

    def line(self, *words):
        text = words[0]
        for word in words[1:]:
            text += self.blank() + str(word)
        if len(words) > 1 and self.chance(0.04):
            text += self.blank()
        end = "\r\n" if self.chance(0.95) else "\n"
        return text.encode("utf-8", "surrogateescape") + end.encode()

    def body(self):
        self.count += 1
        size = self.draw.choice((0, 0, 1, 5, 20))
        text = b"%d:" % self.count + bytes(self.draw.choice(b"abc\r\n\x00\xff") for _ in range(size))
        if self.chance(0.03):
            text *= 40
        return b"" if self.chance(0.05) else text

    def headers(self):
        draw = self.draw
        first = draw.choice(("NATS/1.0",) * 6 + ("NATS/1.0 503", "NATS/1.0 100 Idle", "NATS/2.0", "junk"))
        lines = [first]
        for _ in range(draw.randint(0, 3)):
            lines.append(draw.choice(("A: 1", "a:2", "B:  x y ", "Nats-Msg-Id: 7", "C:", "nocolon")))
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    # Operations.

    def connect(self, login):
        draw = self.draw
        fields = dict(QUIET) if self.chance(0.7) else {}
        for key, values in {
            "verbose": (True, False),
            "pedantic": (True, False),
            "echo": (True, False, False),
            "headers": (True, True, False),
            "no_responders": (True, False),
            "name": ("n", "\u00fc\u2028<&>", ""),
            "lang": ("go", "x"),
            "version": ("1.0",),
            "protocol": (0, 1, 1, 2, -1) if self.chance(0.1) else (0, 1),
            "tls_required": (False, True),
        }.items():
            if self.chance(0.3):
                fields[key] = draw.choice(values)
        if fields.get("no_responders") and self.chance(0.9):
            fields["headers"] = True
        fields.update(login)
        if self.chance(0.08):
            fields = self.odd_fields(fields)
        separators = draw.choice(((",", ":"), (", ", ": ")))
        text = json.dumps(fields, ensure_ascii=self.chance(0.5), separators=separators)
        if self.chance(0.06):
            text = self.odd_json(text)
        gap = draw.choice((" ",) * 8 + ("", "\t", "   "))
        end = "\r\n" if self.chance(0.95) else "\n"
        return (self.verb("CONNECT") + gap + text + end).encode("utf-8", "surrogateescape")

    def odd_fields(self, fields):
        draw = self.draw
        key = draw.choice([*fields, "verbose", "name", "user", "pass", "protocol", "nkey", "jwt", "sig", "auth_token"])
        way = draw.randrange(5)
        if way == 0:
            fields[key] = draw.choice((None, 1, 0, 1.5, "x", "true", True, [], {}, [1], {"a": 1}, "", 10**20, -1))
        elif way == 1 and key in fields:
            value = fields.pop(key)
            fields[draw.choice((key.upper(), key.title(), key + " "))] = value
        elif way == 2:
            key = draw.choice(("unknown", "account", "new_account", "import", "Name", "ECHO"))
            fields[key] = draw.choice((1, "A", {"x": [{}]}, None))
        elif way == 3:
            fields[key] = draw.choice(("bad", "ann", "PW", " pw", "\U0001f600"))
        else:
            fields.pop(key, None)
        return fields

    def odd_json(self, text):
        draw = self.draw
        way = draw.randrange(10)
        at = draw.randrange(len(text) + 1)
        if way == 0:
            return text[:at]
        if way == 1:
            return text + draw.choice(("x", "{}", " ", "\t", "}", "\x00", " null"))
        if way == 2:
            return text[:-1] + draw.choice(ODD_MEMBERS) + "}"
        if way == 3:
            return draw.choice(ODD_JSON)
        if way == 4:
            return text[:at] + draw.choice((" ", "\x01", '"', "\\", ",", "{", "\udcff")) + text[at:]
        if way == 5:
            return text.replace(":", draw.choice((" : ", "\t:")))
        if way == 6:
            return text.replace("true", draw.choice(("True", "1", '"true"', "null")))
        if way == 7:
            return text.replace('"verbose"', draw.choice(('"VERBOSE"', '"verBose"', '"verbo\\u0073e"')))
        if way == 8:
            return " " + text
        return text.replace('"name"', '"name":null,"name"')

    def size(self, count):
        draw = self.draw
        if self.chance(0.95):
            return str(count) if self.chance(0.9) else f"{count:0{draw.randint(2, 6)}d}"
        return draw.choice((*ODD_SIZES, str(count + 1), str(max(count - 1, 0))))

    def publish(self, reply=None):
        body = self.body()
        words = [self.verb("PUB"), self.subject(0.05)]
        if reply is None and self.chance(0.4):
            reply = self.draw.choice(("r.1", "foo", self.subject(0.05), "_INBOX.x.1", "_R_.x", "r\u00e9"))
        if reply:
            words.append(reply)
        if self.chance(0.02):
            words.append(self.draw.choice(("x", "1")))
        return self.line(*words, self.size(len(body))) + body + b"\r\n"

    def publish_headers(self):
        headers, body = self.headers(), self.body()
        words = [self.verb("HPUB"), self.subject(0.05)]
        if self.chance(0.4):
            words.append(self.draw.choice(("r.1", "foo", self.subject(0.05))))
        total = len(headers) + len(body)
        head = len(headers) if self.chance(0.95) else self.draw.choice((0, 1, 12, total, total + 1))
        return self.line(*words, self.size(head), self.size(total)) + headers + body + b"\r\n"

    def subscribe(self, name):
        draw = self.draw
        self.count += 1
        sids = self.sids.setdefault(name, [])
        sid = draw.choice(sids) if sids and self.chance(0.05) else str(self.count)
        if self.chance(0.03):
            sid = draw.choice(("x", "-1", "a.b", "\u00e9", "0", "1" * 30))
        sids.append(sid)
        broad = draw.choice((">", "*", "a.>", "foo.*", "_INBOX.>", "r.*"))
        words = [self.verb("SUB"), self.subject(0.5) if self.chance(0.9) else broad]
        if self.chance(0.2):
            words.append(draw.choice((f"q{self.count}", f"q1.{self.count}", f"\u00e9{self.count}", "_sys_")))
        words.append(sid)
        if self.chance(0.02):
            words.append("extra")
        return self.line(*words)

    def unsubscribe(self, name):
        draw = self.draw
        sids = self.sids.get(name)
        sid = draw.choice(sids) if sids and self.chance(0.9) else draw.choice(("77", "x", "0"))
        words = [self.verb("UNSUB"), sid]
        # With imports every account counts by itself in the Go server, so that more arrives than was asked for.
        if self.chance(0.5) and self.scene.name != "accounts":
            words.append(draw.choice(("1", "1", "2", "3", "0", "-1", "x", "05", "99999999999999999999", "1.5")))
        if self.chance(0.02):
            words.append("extra")
        return self.line(*words)

    def odd(self):
        draw = self.draw
        found = draw.choice(ODD_OPERATIONS)
        if b"LONG" in found:
            found = found.replace(b"LONG", b"x" * draw.choice((60, 120, 500, 4090, 5000)))
        return found

    def mutated(self, content):
        draw = self.draw
        content = bytearray(content)
        for _ in range(draw.randint(1, 2)):
            at = draw.randrange(len(content))
            way = draw.randrange(4)
            if way == 0:
                del content[at]
            elif way == 1:
                content.insert(at, draw.choice(b" \t\n\x00.*>0a\xff"))
            elif way == 2:
                content[at] = draw.choice(b" \t\n\x00.*>0a\xff")
            else:
                content[at:at] = content[at : at + draw.randint(1, 8)]
            if not content:
                break
        # A CR inside a line: the Go server then cuts the last byte before the LF.
        content = re.sub(rb"\r(?!\n)", b"", content)
        # "SUB", blanks and a bare LF: the Go server takes the LF for a blank there, ours for the end of the line.
        return re.sub(rb"(?i)(SUB[ \t]+)\n", rb"\1", bytes(content))

    def operation(self, name):
        """Bytes and the number of PONGs that they bring."""
        way = self.draw.random()
        if way < 0.30:
            found = self.publish()
        elif way < 0.40:
            found = self.publish_headers()
        elif way < 0.70:
            found = self.subscribe(name)
        elif way < 0.82:
            found = self.unsubscribe(name)
        elif way < 0.90:
            end = self.draw.choice((b"\r\n", b"\r\n", b"\n", b" \r\n", b"x\r\n"))
            return self.verb("PING").encode() + end, 1
        elif way < 0.93:
            found = self.odd()
        elif way < 0.95:
            found = self.connect(self.draw.choice(self.scene.logins))
        else:
            found = self.publish()
        # A second CONNECT drops the subscriptions, which servers before 2.12 keep.
        if found[:7].upper() == b"CONNECT" and self.sids.get(name):
            found = self.publish()
        if self.chance(0.02):
            found = self.mutated(found)
        return found, 0

    def dialogue(self):
        draw = self.draw
        names = [f"c{index}" for index in range(draw.randint(1, 4))]
        steps = []
        for name in names:
            steps.append(Step("open", name))
            login = draw.choice(self.scene.logins)
            if login or self.chance(0.9):
                if self.chance(0.03):
                    login = {"user": draw.choice(("ann", "no")), "pass": "wrong"}
                steps.append(Step("send", name, [(self.connect(login), 0)], self.split()))
            if self.chance(0.8):
                steps.append(Step("send", name, [(self.subscribe(name), 0) for _ in range(draw.randint(1, 3))]))
        for _ in range(draw.randint(3, 12)):
            name = draw.choice(names)
            way = draw.random()
            if way < 0.02:
                steps.append(Step(draw.choice(("close", "reset")), name))
                continue
            if way < 0.15:
                body = self.body()
                steps.append(Step("answer", name, [(b"%d\r\n%s\r\n" % (len(body), body), 0)]))
                continue
            made = [self.operation(name) for _ in range(draw.choice((1, 1, 1, 2, 4)))]
            steps.append(Step("send", name, made, self.split()))
        return steps

    def split(self):
        return self.draw.randint(1, 1 << 30) if self.chance(0.25) else False
