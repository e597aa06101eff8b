# SPDX-License-Identifier: Apache-2.0
"""nkeys and the tokens signed with them, for operator mode: Ed25519 of RFC 8032 in plain integers.

Slow and not constant in time, which is fine for the keys of a test. A Key is a key pair; its token()
makes a JWT of version 2 (or 1) that it signs.
"""

import base64
import hashlib
import itertools
import json
import time

KINDS = {"account": 0, "operator": 14 << 3, "user": 20 << 3, "server": 13 << 3}

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
GY = 4 * pow(5, P - 2, P) % P


def _recover_x(y):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x % 2 else x


GX = _recover_x(GY)
G = (GX, GY, 1, GX * GY % P)


def _add(one, two):
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number, point):
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _pack(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def crc16(content):
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _text(raw):
    raw += crc16(raw).to_bytes(2, "little")
    return base64.b32encode(raw).decode().rstrip("=")


def base64url(content):
    content = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Key:
    """A key pair of that kind. Each is another one, the same in every run."""

    _serials = itertools.count(1)

    def __init__(self, kind):
        self.kind = kind
        serial = next(Key._serials)
        self.secret = hashlib.sha256(f"nkey of a test {serial}".encode()).digest()
        digest = hashlib.sha512(self.secret).digest()
        self._scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
        self._prefix = digest[32:]
        self._public = _pack(_times(self._scalar, G))
        self.public = _text(bytes([KINDS[kind]]) + self._public)

    @property
    def seed(self):
        code = KINDS[self.kind]
        return _text(bytes([18 << 3 | code >> 5, (code & 31) << 3]) + self.secret)

    def sign(self, message):
        message = message.encode() if isinstance(message, str) else message
        nonce = _number(self._prefix, message)
        point = _pack(_times(nonce, G))
        rest = (nonce + _number(point, self._public, message) * self._scalar) % L
        return point + rest.to_bytes(32, "little")

    def token(self, subject, kind, nats=None, version=2, **claims):
        """The claims of a `kind` about `subject`, signed by this key."""
        whole = {"jti": "test", "iat": int(time.time()), "iss": self.public, "sub": subject, **claims}
        nats = dict(nats or {})
        if version == 2:
            whole["nats"] = {**nats, "type": kind, "version": 2}
            header = {"typ": "JWT", "alg": "ed25519-nkey"}
        else:
            whole.update(type=kind, nats=nats)
            header = {"typ": "jwt", "alg": "ed25519"}
        chunks = [base64url(json.dumps(part)) for part in (header, whole)]
        signed = ".".join(chunks) if version == 2 else chunks[1]
        return ".".join([*chunks, base64url(self.sign(signed))])


UNLIMITED = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}
USER_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


class Tenant:
    """An account and the operator that signs it."""

    def __init__(self, operator, name="account", **nats):
        self.operator = operator
        self.key = Key("account")
        self.name = name
        self.nats = {"limits": UNLIMITED, **nats}
        self.claims = {}

    @property
    def public(self):
        return self.key.public

    def token(self, signer=None, **nats):
        return (signer or self.operator).token(
            self.public, "account", {**self.nats, **nats}, name=self.name, **self.claims
        )


class User:
    """A user of a tenant: its key and its token."""

    def __init__(self, tenant, nats=None, signer=None, key=None, version=2, **claims):
        self.key = key or Key("user")
        signer = signer or tenant.key
        nats = {**USER_UNLIMITED, **(nats or {})} if nats != {} else {}
        if signer is not tenant.key:
            if version == 2:
                nats["issuer_account"] = tenant.public
            else:
                claims["issuer_account"] = tenant.public
        claims.setdefault("name", "user")
        self.token = signer.token(self.key.public, "user", nats, version=version, **claims)

    def connect_fields(self, nonce):
        return {"jwt": self.token, "sig": base64url(self.key.sign(nonce))}

    @property
    def creds(self):
        return (
            f"-----BEGIN NATS USER JWT-----\n{self.token}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.key.seed}\n------END USER NKEY SEED------\n"
        )
